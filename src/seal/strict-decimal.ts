/**
 * Reads a number as the C2SP formats write it: ASCII digits, no sign, no leading zero except in `0` itself. One spelling for each
 * number, so that two parties that sign or compare the text never disagree about the value.
 *
 * @param text the digits
 * @returns the number, or `undefined` when it is spelled otherwise or exceeds 2^53 - 1
 * @example
 * parseStrictDecimal('20852163'); // 20852163
 * parseStrictDecimal('007'); // undefined
 */
export function parseStrictDecimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
