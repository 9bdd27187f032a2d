/**
 * Reads standard Base64 (RFC 4648, section 4) with padding, in its one canonical spelling. Node's own decoder skips foreign
 * characters and takes the URL alphabet, so that one signature would have many spellings.
 *
 * @param text the Base64 text, without line breaks
 * @returns the bytes, or `undefined` for any other spelling
 * @example
 * parseStrictBase64('AQI='); // <Buffer 01 02>
 * parseStrictBase64('AQJ='); // undefined: bits set in the padding
 */
export function parseStrictBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
