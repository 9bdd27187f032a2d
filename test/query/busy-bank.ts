import type { DataSource } from 'typeorm';
import { microsecondsOf, type Instant } from '../../src/ledger/instant.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { recorderId } from '../../src/ledger/recorder.js';
import { LoginHistory } from '../../src/query/login-history.js';
import { expireDue } from '../../src/session/expire.js';
import { resolvePolicy } from '../../src/session/policy.js';
import type { Sessions } from '../../src/session/sessions.js';
import { advanceHorizon } from '../ledger/session-writer.js';
import { setUpSessions, type SessionsLedger } from '../session/sessions-ledger.js';
import type { LedgerFact, PlainEvent, PlainLedger, PlainSession } from './oracle.js';

const idleSeconds = 1;
const firstPolicy = resolvePolicy({ name: 'first', idleSeconds, absoluteSeconds: 2 });
const laterPolicy = resolvePolicy({ name: 'later', idleSeconds, absoluteSeconds: 4 });

/** Sessions that are opened, used, renewed and revoked all the time, of users who can be asked about meanwhile. */
export class BusyBank {
  readonly userIds = Array.from({ length: 8 }, (_, index) => `user ${index}`);
  readonly history: LoginHistory;
  #isOpen = true;
  #work: Promise<void>[] = [];
  readonly #tokens: string[] = [];

  private constructor(
    readonly ledger: SessionsLedger,
    private readonly reader: DataSource,
  ) {
    this.history = new LoginHistory(reader);
  }

  static async open(): Promise<BusyBank> {
    const ledger = await setUpSessions({ policy: firstPolicy });
    await ledger.sessions.start();
    const pool = { url: ledger.url, role: 'reader', poolSize: 4, applicationName: 'test' } as const;
    return new BusyBank(ledger, await ledgerDataSource(pool).initialize());
  }

  /** Customers come and go, the fence and the expiry run, and after two seconds sessions may live longer than before. */
  start(): void {
    const longer = this.ledger.sessionsWith({ policy: laterPolicy, application: 'app' });
    const longerFrom = performance.now() + 2_000;
    const customer = async (): Promise<void> =>
      this.serveOne(performance.now() > longerFrom && Math.random() < 0.3 ? longer : this.ledger.sessions);
    const fence = async (): Promise<void> => {
      await advanceHorizon(this.ledger.superuser);
      await pause(5);
    };
    const expiry = async (): Promise<void> => {
      await recorderId(this.ledger.writer, 'expiry');
      await expireDue(this.ledger.writer, 'expiry');
      await pause(700);
    };
    this.#work = [customer, customer, customer, customer, fence, expiry].map((work) => this.whileOpen(work));
  }

  async stop(): Promise<void> {
    this.#isOpen = false;
    await Promise.all(this.#work);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.reader.destroy();
    await this.ledger.close();
  }

  /** H: up to here every answer is settled. */
  async horizon(): Promise<Instant> {
    const [row] = await this.ledger.rows<{ at: Instant }>('SELECT settled_at AS at FROM session_ledger.horizon');
    return row!.at;
  }

  /** All that is on the ledger, as the oracle reads it. */
  async recorded(): Promise<PlainLedger> {
    const events = await this.ledger.rows<EventRow>(eventsSql);
    const subjects = await this.ledger.rows<{ userId: string }>(
      'SELECT user_id AS "userId" FROM session_ledger.subject',
    );
    const ofLedger = (kind: string): EventRow[] => events.filter((event) => event.kind === kind);
    return {
      subjects: subjects.map(({ userId }) => userId),
      applications: ofLedger('application_recorded').map((row) => ({ ...factOf(row), name: row.application! })),
      policies: ofLedger('policy_set').map((row) => ({ ...factOf(row), absoluteSeconds: row.absoluteSeconds! })),
      gaps: [],
      sessions: sessionsOf(events),
    };
  }

  private async whileOpen(work: () => Promise<void>): Promise<void> {
    while (this.#isOpen) await work();
  }

  private async serveOne(sessions: Sessions): Promise<void> {
    const userId = anyOf(this.userIds);
    const token = anyOf(this.#tokens);
    const act = Math.random();
    if (token === undefined || act < 0.2) {
      const actor = Math.random() < 0.2 ? { userId: 'the actor' } : undefined;
      const opened = await sessions.open({ userId: userId!, actor, amr: ['pwd'] });
      this.#tokens.push(opened.token);
      if (this.#tokens.length > 30) this.#tokens.shift();
    } else if (act < 0.75) await sessions.use(token, { passive: Math.random() < 0.3 });
    else if (act < 0.85) await this.renew(sessions, token);
    else if (act < 0.98) await sessions.revokeToken(token, { reason: 'logout' });
    else await sessions.revokeSessions(userId!, { reason: 'password_changed' });
    await pause(4);
  }

  private async renew(sessions: Sessions, token: string): Promise<void> {
    if (!(await sessions.use(token)).active) return;
    try {
      const renewed = await sessions.renew(token, Math.random() < 0.5 ? { amr: ['pwd'] } : {});
      this.#tokens.push(renewed.token);
    } catch (failure) {
      // Another customer may have ended or renewed it since the use.
      if ((failure as { code?: string }).code !== 'ERR_SESSION_NOT_LIVE') throw failure;
    }
  }
}

interface EventRow {
  seq: number;
  kind: string;
  sessionId: string | null;
  sessionSeq: number | null;
  occurredAt: Instant;
  recordedAt: Instant;
  expiresAt: Instant | null;
  application: string | null;
  userId: string | null;
  actorUserId: string | null;
  absoluteSeconds: number | null;
}

const eventsSql = `
SELECT e.seq, e.kind, e.session_id AS "sessionId", e.session_seq AS "sessionSeq", e.occurred_at AS "occurredAt",
       e.recorded_at AS "recordedAt", e.expires_at AS "expiresAt", e.application, s.user_id AS "userId", a.user_id AS "actorUserId",
       (e.detail ->> 'absoluteSeconds')::integer AS "absoluteSeconds"
  FROM session_ledger.event e
  LEFT JOIN session_ledger.subject s ON s.subject_id = e.subject_id
  LEFT JOIN session_ledger.subject a ON a.subject_id = e.actor_id
 ORDER BY e.session_id, e.session_seq`;

function factOf({ seq, occurredAt, recordedAt }: EventRow): LedgerFact {
  return { seq, occurredAt: microsecondsOf(occurredAt), recordedAt: microsecondsOf(recordedAt) };
}

function sessionsOf(rows: EventRow[]): PlainSession[] {
  const sessions = new Map<string, PlainSession>();
  for (const row of rows) {
    const { sessionId, kind, expiresAt } = row;
    if (sessionId === null) continue;
    if (kind === 'created') {
      const { userId, application, actorUserId } = row;
      sessions.set(sessionId, { sessionId, userId: userId!, application: application!, actorUserId, events: [] });
    }
    sessions.get(sessionId)!.events.push({
      ...factOf(row),
      kind: kind as PlainEvent['kind'],
      sessionSeq: row.sessionSeq!,
      expiresAt: expiresAt === null ? null : microsecondsOf(expiresAt),
    });
  }
  return [...sessions.values()];
}

/** One of several, whichever. */
export function anyOf<Item>(items: readonly Item[]): Item | undefined {
  return items[Math.floor(Math.random() * items.length)];
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
