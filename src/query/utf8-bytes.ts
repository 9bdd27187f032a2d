import { TextDecoder } from 'node:util';
import { SessionLedgerError } from '../errors.js';

/**
 * Lets bytes through as long as they are UTF-8. Anything else is refused instead of being read with replacement
 * characters: another user id would be asked about than the one that was sent.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT at the first byte that is not UTF-8.
 */
export async function* utf8Bytes(
  bytes: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const encoder = new TextEncoder();
  for await (const piece of bytes) {
    const chunk = typeof piece === 'string' ? encoder.encode(piece) : piece;
    refuseOther(decoder, chunk);
    yield chunk;
  }
  refuseOther(decoder);
}

function refuseOther(decoder: TextDecoder, chunk?: Uint8Array): void {
  try {
    decoder.decode(chunk, { stream: chunk !== undefined });
  } catch (cause) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', 'the list is not UTF-8; save it as UTF-8', { cause });
  }
}
