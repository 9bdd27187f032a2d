import type { ClientBase } from 'pg';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { preparationMs } from './connection-pins.js';
import type { Instant } from './instant.js';
import type { KnownHorizon } from './known-horizon.js';
import { queryRows, type Executor } from './named-query.js';
import { forgetRecorders, recorderId } from './recorder.js';

/** What to do when the database is not the one the ledger last saw, and in whose name. */
export interface RecogniseOptions {
  /** Revoke every live session as `restored`: a revocation may have been lost with what the new database lacks. */
  revokeLive: boolean;
  /** Name of the instance; see `recorderId`. */
  recordedBy: string;
  /** The latest horizon that whoever asks has seen, and is to see again: a database below it is an older copy. */
  known?: KnownHorizon;
}

/** What was found. */
export interface Recognised {
  /** True when a gap was recorded: the database was restored, or a standby was promoted. */
  changed: boolean;
  /** `seq` of the gap, if one was recorded. */
  gapSeq: number | null;
  /** Sessions revoked as `restored`. */
  revoked: number;
}

interface Found {
  recognised: boolean | null;
  isStandby: boolean;
  /** Null where the ledger was not started. */
  settledAt: Instant | null;
}

const isRecognisedSql = `
SELECT session_ledger.database_identity() = session_ledger.recorded_identity() AND NOT session_ledger.is_behind($1) AS recognised,
       pg_is_in_recovery() AS "isStandby", (SELECT settled_at FROM session_ledger.horizon) AS "settledAt"`;

/**
 * Compares the database's identity (system identifier and timeline) with the one on the ledger, and its horizon with the
 * one that is known. When it is another, or an older copy of itself, records a gap from the horizon to now, and by
 * default ends all live sessions. Run at start and on every new connection of the writer, so that no request is let
 * through on a promoted standby before this was done.
 *
 * Many instances may find out at once: one records, the others wait for it and then find the new identity recorded.
 *
 * A connection to a standby is refused, not only its writes: it would survive the promotion, and be used on the promoted
 * server without having recognised it.
 *
 * A ledger that was migrated and not started has no identity, and would look like another one on each connection anew.
 *
 * @throws SessionLedgerError ERR_LEDGER_UNAVAILABLE on a standby; ERR_DATABASE_BEHIND where the ledger was not started.
 * @example
 * const { changed, revoked } = await recogniseDatabase(writer, { revokeLive: true, recordedBy: 'api-1' });
 */
export async function recogniseDatabase(
  executor: DataSource | ClientBase,
  options: RecogniseOptions,
): Promise<Recognised> {
  const knownUntil = options.known?.until ?? null;
  const values = [knownUntil];
  const statement = { name: 'is_recognised', text: isRecognisedSql, values, answerWithinMs: preparationMs };
  const [found] = await queryRows<Found>(executor, statement);
  if (found?.isStandby === true) {
    throw new SessionLedgerError(
      'ERR_LEDGER_UNAVAILABLE',
      'the database is a standby, which records nothing; try again',
      {
        retryAfterSeconds: 1,
      },
    );
  }
  if (found === undefined || found.settledAt === null) {
    throw new SessionLedgerError(
      'ERR_DATABASE_BEHIND',
      'the ledger was migrated and not started; run "session-ledger migrate"',
    );
  }
  if (found.recognised === true) {
    options.known?.saw(found.settledAt);
    return { changed: false, gapSeq: null, revoked: 0 };
  }
  forgetRecorders(executor);
  const recordedBy = await recorderId(executor, options.recordedBy);
  return withoutTimeLimit(executor, (transaction) =>
    recordChange(transaction, [options.revokeLive, recordedBy, knownUntil]),
  );
}

/** Ending all live sessions of a large ledger takes longer than any single request may. */
async function withoutTimeLimit<Result>(
  executor: DataSource | ClientBase,
  work: (transaction: Executor) => Promise<Result>,
): Promise<Result> {
  const unlimited = 'SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0';
  if ('createQueryRunner' in executor) {
    return executor.transaction(async (manager) => {
      await manager.query(unlimited);
      return work(manager);
    });
  }
  await executor.query(`BEGIN; ${unlimited}`);
  try {
    const result = await work(executor);
    await executor.query('COMMIT');
    return result;
  } catch (failure) {
    // Where the connection is lost, the server has ended the transaction by itself.
    await executor.query('ROLLBACK').catch(() => undefined);
    throw failure;
  }
}

const recordChangeSql = `
SELECT changed, gap_seq AS "gapSeq", revoked FROM session_ledger.recognise_database($1, $2, $3)`;

async function recordChange(executor: Executor, values: unknown[]): Promise<Recognised> {
  const statement = { name: 'recognise_database', text: recordChangeSql, values, answerWithinMs: 0 };
  return (await queryRows<Recognised>(executor, statement))[0]!;
}
