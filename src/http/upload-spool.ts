import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { SessionLedgerError } from '../errors.js';
import { openNameless } from './nameless-file.js';

/** An upload on disk. Its name is gone already, so that no end of this process, however sudden, leaves it behind. */
export interface SpooledUpload {
  /** The bytes from the first one on, read as they are asked for. */
  read(): Readable;
  close(): Promise<void>;
}

/**
 * Writes an upload to a file of mode 0600. It holds user ids, so it exists for as long as it is answered, no longer.
 *
 * @throws SessionLedgerError `ERR_UPLOAD_TOO_LARGE` as soon as the limit is passed; `ERR_INVALID_INPUT` when it breaks
 *   off. Nothing is left on disk then.
 */
export async function spoolUpload(
  upload: IncomingMessage,
  directory: string,
  maxBytes: number,
): Promise<SpooledUpload> {
  const file = await openNameless(directory);
  try {
    await writeAll(upload, file, maxBytes);
  } catch (failure) {
    await file.close();
    // Read on and forgotten: a sender whose connection is closed meanwhile would never get to read why.
    upload.resume();
    throw explained(failure);
  }
  return { read: () => file.createReadStream({ start: 0, autoClose: false }), close: () => file.close() };
}

async function writeAll(upload: IncomingMessage, file: FileHandle, maxBytes: number): Promise<void> {
  let bytes = 0;
  for await (const chunk of upload.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new SessionLedgerError(
        'ERR_UPLOAD_TOO_LARGE',
        `an upload may have ${maxBytes} bytes; send the rows in several, or raise SESSION_LEDGER_MAX_UPLOAD_BYTES`,
      );
    await file.writeFile(chunk);
  }
}

function explained(failure: unknown): unknown {
  const cause = failure as NodeJS.ErrnoException;
  switch (cause.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new SessionLedgerError('ERR_LEDGER_UNAVAILABLE', 'the service has no room on its disk for this upload', {
        cause,
        retryAfterSeconds: 60,
      });
    case 'ECONNRESET':
      return new SessionLedgerError('ERR_INVALID_INPUT', 'the upload broke off', { cause, field: 'body' });
    default:
      return failure;
  }
}
