import { SessionLedgerError } from '../errors.js';

/** What I-JSON (RFC 7493) can say; `bigint`, `undefined`, dates and class instances it cannot. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/**
 * Writes a value as canonical JSON (RFC 8785): one spelling for each value, fit to be hashed.
 *
 * A value that JSON cannot carry is refused instead of dropped or rewritten, because a leaf must say all that its row says. (The
 * npm package `canonicalize` writes a `Date` as its text, a `Map` as `{}` and omits `undefined`; guarding it takes this same walk.)
 *
 * @param value the value; object members in any order
 * @returns the JSON text, without white space, members sorted by UTF-16 code units; encode it as UTF-8
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for a lone surrogate, a number that is not finite, and anything not in `JsonValue`
 * @example
 * canonicalJson({ b: 4.50, a: '\u20ac' }); // '{"a":"€","b":4.5}'
 */
export function canonicalJson(value: JsonValue): string {
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'number':
      return finite(value);
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return 'null';
      // Array.from visits the holes of a sparse array too, so that they are refused like any other `undefined`.
      if (Array.isArray(value)) return `[${Array.from(value, canonicalJson).join(',')}]`;
      return canonicalObject(value as { readonly [name: string]: JsonValue });
    default:
      throw refused(`a value of type ${typeof value}`);
  }
}

function canonicalObject(object: { readonly [name: string]: JsonValue }): string {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) throw refused('an object that is not a plain one');
  const members: string[] = [];
  // `sort` without a comparator orders by UTF-16 code units, as RFC 8785, 3.2.3 demands.
  for (const name of Object.keys(object).sort())
    members.push(`${quoted(name)}:${canonicalJson(object[name] as JsonValue)}`);
  return `{${members.join(',')}}`;
}

function quoted(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw refused('a string with a lone surrogate');
  // ECMAScript's own quoting and number format are the ones that RFC 8785, 3.2.2 adopts.
  return JSON.stringify(text);
}

function finite(number: number): string {
  if (!Number.isFinite(number)) throw refused(`the number ${number}`);
  return JSON.stringify(number);
}

function refused(what: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_INPUT', `canonical JSON cannot carry ${what}`);
}
