import { DatabaseError } from 'pg';

/** What PostgreSQL says before it ends a connection: told to by an administrator, a shutdown, a crash, a dropped database, a limit on idling. */
const farewells = new Set(['57P01', '57P02', '57P04', '57P05', '25P03']);

/**
 * Whether a statement failed together with its connection, on which nothing more may be sent. PostgreSQL's last words
 * are an answer like any other; the severity is by its code too, for a server says the word in its own language.
 */
export function hasLostConnection(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return true;
  const { severity, code = '' } = error;
  return severity === 'FATAL' || severity === 'PANIC' || farewells.has(code);
}
