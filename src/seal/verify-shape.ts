import { SessionLedgerError } from '../errors.js';

/*
 * Readers of JSON that somebody else wrote. `where` is the dotted place that an error names.
 */

/** An object with these members and no other. */
export function object(value: unknown, where: string, members: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`${where} is not an object`);
  const names = Object.keys(value);
  const missing = members.find((member) => !names.includes(member));
  if (missing !== undefined) throw malformed(`${where} lacks ${missing}`);
  const unknown = names.find((name) => !members.includes(name));
  if (unknown !== undefined)
    throw malformed(`${where} has ${JSON.stringify(unknown)}, which nothing in such a file proves`);
  return value as Record<string, unknown>;
}

/** A list, item by item. */
export function list<Item>(value: unknown, where: string, read: (item: unknown, where: string) => Item): Item[] {
  if (!Array.isArray(value)) throw malformed(`${where} is not a list`);
  return value.map((item, index) => read(item, `${where}[${index}]`));
}

/** A text that has a UTF-8. */
export function text(value: unknown, where: string): string {
  // A lone surrogate has no UTF-8: what is hashed would not be what is read.
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) throw malformed(`${where} is not a text`);
  return value;
}

/** A number without fraction, from 0 on. */
export function wholeNumber(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed(`${where} is not a whole number`);
  return value as number;
}

/** One of a closed set of values. */
export function oneOf<Value>(value: unknown, where: string, values: readonly Value[]): Value {
  if (!values.includes(value as Value)) throw malformed(`${where} is none of ${values.map(String).join(', ')}`);
  return value as Value;
}

/** What is wrong with it. */
export function malformed(why: string): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_MALFORMED', `not an evidence file: ${why}`);
}
