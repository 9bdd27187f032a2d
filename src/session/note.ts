import { randomUUID } from 'node:crypto';
import { SessionLedgerError } from '../errors.js';
import { commit } from '../ledger/commitment.js';
import { refuseSecrets } from './sensitive-attribute.js';

/** Free text beside a reason: stored where it can be erased, while the event keeps its commitment. */
export interface Note {
  readonly noteId: string;
  readonly text: string;
  readonly salt: Buffer;
  readonly commitment: Buffer;
}

const longest = 2000;

/**
 * Makes the note of a revocation.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT, ERR_SENSITIVE_ATTRIBUTE
 */
export function noteOf(text: unknown): Note | undefined {
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || text === '' || (text.length > longest && [...text].length > longest)) {
    throw invalid(`must be a text of 1 to ${longest} characters`);
  }
  if (text.includes('\0') || /\p{Cs}/u.test(text)) throw invalid('must be Unicode text without NUL');
  refuseSecrets(text, 'note');
  return { noteId: randomUUID(), text, ...commit({ text }) };
}

/** What the event says about its note. */
export function noteDetail(note: Note | undefined): { noteId?: string; noteCommitment?: string } {
  return note === undefined ? {} : { noteId: note.noteId, noteCommitment: note.commitment.toString('hex') };
}

function invalid(what: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_INPUT', `note ${what}`, { field: 'note' });
}
