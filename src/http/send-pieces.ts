import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';
import { breakOffWhenStalled, longestStallMs } from './stalled-reader.js';

/**
 * Sends an answer piece by piece, at the pace of its reader. What fails before the first piece can still be answered as
 * a problem; what fails later breaks the connection, because half a list must not look like a whole one.
 *
 * @param pieces told when the reader has left, and waited for, so that whatever they read from may be closed after.
 */
export async function sendPieces(
  response: Response,
  contentType: string,
  pieces: AsyncGenerator<string, void, undefined>,
): Promise<void> {
  try {
    const first = await pieces.next();
    response.status(200).setHeader('Content-Type', contentType);
    breakOffWhenStalled(response, longestStallMs);
    await pipeline(allOf(first, pieces), response);
  } catch (failure) {
    if (!hasReaderLeft(failure)) throw failure;
  } finally {
    await pieces.return();
  }
}

async function* allOf(
  first: IteratorResult<string, void>,
  rest: AsyncGenerator<string, void, undefined>,
): AsyncGenerator<string, void, undefined> {
  if (first.done !== true) yield first.value;
  yield* rest;
}

/** No failure of ours, and nobody is there to be told. */
function hasReaderLeft(failure: unknown): boolean {
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED', 'ECONNRESET', 'EPIPE'].includes(
    (failure as NodeJS.ErrnoException).code ?? '',
  );
}
