import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { SessionLedgerError } from '../errors.js';

/** What an outsider needs to check a file. */
export interface FileFacts {
  /** Length in bytes. */
  readonly bytes: number;
  /** SHA-256 of all bytes, in hex. */
  readonly sha256: string;
}

/** Writes a report into an open file, no more than it may hold, and counts and digests what it wrote. */
export class ReportFile {
  private readonly digest = createHash('sha256');
  private bytes = 0;

  /** @param maxBytes the file is given up beyond them: a disk that is full stops the database too. */
  constructor(
    private readonly file: FileHandle,
    private readonly maxBytes: number,
  ) {}

  /** @throws SessionLedgerError `ERR_REPORT_TOO_LARGE`, or `ERR_LEDGER_UNAVAILABLE` when the disk is full. */
  async write(text: string): Promise<void> {
    const chunk = Buffer.from(text);
    this.bytes += chunk.length;
    if (this.bytes > this.maxBytes)
      throw new SessionLedgerError(
        'ERR_REPORT_TOO_LARGE',
        `the report has more than ${this.maxBytes} bytes; ask for a shorter time, or raise SESSION_LEDGER_MAX_REPORT_BYTES`,
      );
    this.digest.update(chunk);
    await this.file.writeFile(chunk).catch(refuseForRoom);
  }

  /** After the last write; the bytes are on disk then. */
  async finish(): Promise<FileFacts> {
    await this.file.sync();
    return { bytes: this.bytes, sha256: this.digest.digest('hex') };
  }
}

function refuseForRoom(failure: NodeJS.ErrnoException): never {
  if (failure.code !== 'ENOSPC' && failure.code !== 'EDQUOT') throw failure;
  throw new SessionLedgerError('ERR_LEDGER_UNAVAILABLE', 'there is no room on the disk for this report', {
    cause: failure,
    retryAfterSeconds: 60,
  });
}
