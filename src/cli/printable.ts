const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/**
 * Text from the ledger as a terminal may show it: what is not a visible character is written as its code point, since
 * a user agent can hold sequences that move the cursor, and marks that turn the reading direction.
 */
export function printable(text: string): string {
  return text.replaceAll(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`);
}
