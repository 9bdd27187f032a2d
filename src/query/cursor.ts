import { createHash } from 'node:crypto';
import { SessionLedgerError } from '../errors.js';
import { parseInstant, type Instant } from '../ledger/instant.js';

/** Where a list was left: behind which item, and what the ledger was asked to have known. */
export interface Cursor {
  /** Every page answers from what the ledger said then, so that the list does not change under its reader. */
  readonly knownAt: Instant;
  /** The sort key of the last item, as text. */
  readonly place: readonly string[];
}

const encoded = /^[A-Za-z0-9_-]{1,4096}$/;

/**
 * Writes a cursor: opaque to its holder, and good for the very list it came from.
 *
 * It is bound to the question by a digest, not signed. A forged one can only move its holder within a list that
 * the holder may read anyway, because everything that limits the list comes with the question each time.
 *
 * @param question what the list is and is limited to, without its place and limit.
 * @example
 * writeCursor(['sessions_of_user', 'default', 'alice'], { knownAt, place: [createdAt, sessionId] });
 */
export function writeCursor(question: readonly unknown[], { knownAt, place }: Cursor): string {
  return Buffer.from(JSON.stringify([digestOf(question), knownAt, ...place])).toString('base64url');
}

/**
 * Reads a cursor that came back.
 *
 * @param shapes what each part of the place looks like.
 * @throws SessionLedgerError ERR_INVALID_CURSOR when it is none, or belongs to another question.
 * @example
 * const cursor = readCursor(after, ['sessions_of_user', 'default', 'alice'], [instantShape, uuidShape]);
 */
export function readCursor(text: string, question: readonly unknown[], shapes: readonly RegExp[]): Cursor {
  const parts = partsOf(text);
  const [digest, knownAt, ...place] = parts;
  const isWhole = place.length === shapes.length && shapes.every((shape, index) => shape.test(place[index]!));
  if (digest !== digestOf(question) || knownAt === undefined || !isWhole) throw notOfThisList();
  try {
    for (const [index, shape] of shapes.entries()) if (shape === instantShape) parseInstant(place[index]!);
    return { knownAt: parseInstant(knownAt), place };
  } catch (cause) {
    throw notOfThisList(cause);
  }
}

/** Shapes of what a place is made of. */
export const instantShape = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;
export const uuidShape = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;
export const numberShape = /^\d{1,15}$/;

function partsOf(text: string): string[] {
  if (!encoded.test(text)) throw notOfThisList();
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : [];
  } catch (cause) {
    throw notOfThisList(cause);
  }
}

function digestOf(question: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(question)).digest('base64url').slice(0, 16);
}

function notOfThisList(cause?: unknown): SessionLedgerError {
  const message = 'after is no cursor of this list; take it from "next", with the question unchanged';
  return new SessionLedgerError('ERR_INVALID_CURSOR', message, { field: 'after', cause });
}
