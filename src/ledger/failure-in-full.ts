import type { SessionLedgerError } from '../errors.js';

/** SQLSTATEs whose messages repeat a value of the statement (class 22, data exceptions) or a piece of its text. */
const repeatsItsInput = /^(22|42601)/;
const mayNot = '42501'; // insufficient_privilege

/**
 * A failure for those who operate: where our own words cannot say what happened, followed by what was said underneath.
 * The message alone: a failure of the database also carries the row it concerns, which is nobody's to print.
 *
 * @example
 * logger.error(inFull(failure)); // 'the ledger met a failure it does not know; see its cause: deadlock in the disk array (XX000)'
 */
export function inFull({ code, message, cause }: SessionLedgerError): string {
  const said = shapeOf(cause);
  const isUnexplained = code === 'ERR_INTERNAL' || said.code === mayNot;
  const more = isUnexplained ? wordsOf(said) : '';
  return more === '' ? message : `${message}: ${more}`;
}

function wordsOf({ code, message }: { code?: unknown; message?: unknown }): string {
  const words = typeof message === 'string' ? message : '';
  if (typeof code !== 'string') return words;
  return words === '' || repeatsItsInput.test(code) ? code : `${words} (${code})`;
}

function shapeOf(cause: unknown): { code?: unknown; message?: unknown } {
  return typeof cause === 'object' && cause !== null ? cause : {};
}
