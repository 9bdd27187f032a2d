import { SessionLedgerError } from '../errors.js';

/**
 * The error for a file of the data directory that could not be read or written: says which path, and what to do.
 *
 * @example
 * throw fileFailure('write', '/srv/ledger/admin-key', cause); // ... the disk is full: free some space on it
 */
export function fileFailure(attempt: string, path: string, cause: unknown): SessionLedgerError {
  const why = remedy((cause as NodeJS.ErrnoException).code) ?? (cause as Error).message;
  return new SessionLedgerError('ERR_DATA_DIRECTORY', `Could not ${attempt} ${path}: ${why}`, { cause });
}

function remedy(code: string | undefined): string | undefined {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full or a quota is used up; free some space there, or point SESSION_LEDGER_DATA_DIR elsewhere';
    case 'EACCES':
    case 'EPERM':
      return `user id ${process.getuid?.()} has no permission; give it the path, or point SESSION_LEDGER_DATA_DIR elsewhere`;
    case 'EROFS':
      return 'the file system is read-only; point SESSION_LEDGER_DATA_DIR at one that can be written';
    case 'ENOTDIR':
    case 'EEXIST':
    case 'ENOTEMPTY':
      return 'something else is in its place; remove that, or point SESSION_LEDGER_DATA_DIR elsewhere';
    default:
      return undefined;
  }
}
