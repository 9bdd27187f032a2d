import type { Client } from 'pg';
import type { SessionLedgerError } from '../errors.js';
import type { Instant } from './instant.js';
import { queryRows, type Executor } from './named-query.js';
import { connectPinned, disconnect } from './pinned-client.js';
import { RepeatingTask } from './repeating-task.js';
import { defaultRolePrefix, roleName } from './role-names.js';
import { toSessionLedgerError } from './sqlstate.js';

/** How the fence reaches the ledger. */
export interface HorizonFenceOptions {
  url: string;
  /** `none` where the ledger has no roles of its own. */
  role: 'writer' | 'none';
  rolePrefix?: string;
  /** Milliseconds between two advances; 500 when omitted. The horizon trails the clock by at most this. */
  everyMs?: number;
  /** Told of each horizon that this fence has reached, or found where another one was at it. */
  onHorizon?: (horizon: Instant) => void;
  /** Told of each advance that failed, connection losses included; the fence goes on by itself. */
  onFailure: (failure: SessionLedgerError) => void;
}

const afterFailureMs = 1_000;
const hereWithinMs = 5_000;

const readHorizonSql = `
SELECT settled_at AS "settledAt" FROM session_ledger.horizon`;

/**
 * The horizon H: every event dated at or before it is visible to whoever reads after this. It never goes back.
 *
 * @example
 * const horizon = await readHorizon(reader); // '2026-03-04T02:14:00.123456Z'
 */
export async function readHorizon(executor: Executor): Promise<Instant> {
  return (await settledUntil(executor))!;
}

/** The same; undefined where the ledger was not started. */
async function settledUntil(executor: Executor): Promise<Instant | undefined> {
  const statement = { name: 'read_horizon', text: readHorizonSql, values: [] };
  return (await queryRows<{ settledAt: Instant }>(executor, statement))[0]?.settledAt;
}

/**
 * Keeps raising the horizon, on a connection of its own: an advance waits for every transaction that was writing to the
 * ledger when it began, and no pool should lose a connection to that. Every instance runs a fence; the database lets one
 * advance at a time, so that the others take over by themselves when it goes away.
 */
export class HorizonFence {
  readonly #task: RepeatingTask;
  #client: Client | undefined;

  constructor(private readonly options: HorizonFenceOptions) {
    this.#task = new RepeatingTask({
      everyMs: options.everyMs ?? 500,
      afterFailureMs,
      run: () => this.#advanceOnce(),
      onFailure: (failure) => options.onFailure(toSessionLedgerError(failure)),
    });
  }

  start(): void {
    this.#task.start();
  }

  /** Stops at once, even while an advance waits for a transaction that does not end. */
  async stop(): Promise<void> {
    const stopped = this.#task.stop();
    await this.#disconnect();
    await stopped;
    // A run may have been connecting when it was told to stop.
    await this.#disconnect();
  }

  async #advanceOnce(): Promise<void> {
    this.#client ??= await this.#connect();
    try {
      await refuseSilence(this.#client);
      const horizon = (await advanceHorizon(this.#client)) ?? (await settledUntil(this.#client));
      if (horizon !== undefined) this.options.onHorizon?.(horizon);
    } catch (failure) {
      await this.#disconnect();
      throw failure;
    }
  }

  #connect(): Promise<Client> {
    const { url, role, rolePrefix = defaultRolePrefix } = this.options;
    return connectPinned({
      url,
      applicationName: 'session-ledger horizon',
      pins: {
        role: role === 'none' ? undefined : roleName(rolePrefix, role),
        statementTimeoutMs: 0,
        lockTimeoutMs: 0,
        idleInTransactionTimeoutMs: 0,
      },
    });
  }

  async #disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await disconnect(client);
  }
}

const silenceSql = `
SELECT 'here' AS server`;

/**
 * An advance has no limit of time, for it waits for others; so a server that has gone since the last one is found out by
 * a statement that has. Whatever goes while an advance waits is found out by the probes of TCP.
 */
async function refuseSilence(client: Client): Promise<void> {
  await queryRows(client, { name: 'is_here', text: silenceSql, values: [], answerWithinMs: hereWithinMs });
}

const advanceHorizonSql = `
SELECT session_ledger.advance_horizon() AS horizon`;

/** One advance; null while another instance is at it, or while the clock is below what is already settled. */
async function advanceHorizon(client: Client): Promise<Instant | null> {
  const statement = { name: 'advance_horizon', text: advanceHorizonSql, values: [] };
  const rows = await queryRows<{ horizon: Instant | null }>(client, statement);
  return rows[0]?.horizon ?? null;
}
