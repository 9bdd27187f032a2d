import { DataSource } from 'typeorm';
import { HorizonFence } from '../../src/ledger/horizon.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { ExpiryJob } from '../../src/session/expiry-job.js';
import { resolvePolicy } from '../../src/session/policy.js';
import { rebuildSessions } from '../../src/session/rebuild.js';
import { Sessions } from '../../src/session/sessions.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { contradictionsOnLedger, noContradictions, sessionsWith, unrecordedUses } from './ledger-contradictions.js';
import { RandomOperations, seededRandom } from './random-operations.js';

const soakMs = 10_000;
const callers = 48;
const users = 120;
const maxConcurrent = 3;
// Deadlines of a second or two: sessions lapse all the time, while they are used, renewed, counted and swept.
const policy = resolvePolicy({ name: 'short', idleSeconds: 1, absoluteSeconds: 4, maxConcurrent });

describe('two instances at work on the same users at once', () => {
  let database: TestDatabase;
  let looking: DataSource;
  const stopping: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    looking = await ledgerDataSource({
      url: database.url,
      role: 'none',
      poolSize: 2,
      applicationName: 'looking',
    }).initialize();
    await looking.query('CREATE TABLE public.account_change (id bigint GENERATED ALWAYS AS IDENTITY)');
  });

  afterAll(async () => {
    await looking.destroy();
    await database.drop();
  });

  const startInstance = async (instance: string): Promise<Sessions> => {
    const writer = await ledgerDataSource({
      url: database.url,
      role: 'writer',
      poolSize: 30,
      applicationName: instance,
    }).initialize();
    const sessions = new Sessions(writer, { realm: 'default', application: 'web', instance, policy });
    await sessions.start();
    const onFailure = (failure: Error): void => {
      throw failure;
    };
    const background = [
      new HorizonFence({ url: database.url, role: 'writer', everyMs: 50, onFailure }),
      new ExpiryJob(writer, { recordedBy: instance, everyMs: 1_000, onFailure }),
    ];
    for (const task of background) task.start();
    stopping.push(async () => {
      await Promise.all(background.map((task) => task.stop()));
      await sessions.close();
      await writer.destroy();
    });
    return sessions;
  };

  test('after ten seconds of random operations no event contradicts another, nothing passed unrecorded or late, and no user ever held more sessions than allowed', async () => {
    const instances = await Promise.all(['web-1', 'web-2'].map(startInstance));
    const application = await new DataSource({
      type: 'postgres',
      url: database.url,
      poolSize: 8,
      connectTimeoutMS: 10_000,
    }).initialize();
    const operations = new RandomOperations(instances, application, users, seededRandom(20_260_304));

    const horizons = readHorizonsUntil(looking, performance.now() + soakMs);
    await operations.run(callers, soakMs);
    await Promise.all(stopping.map((stop) => stop()));
    await application.destroy();

    const { told } = operations;
    expect(told.counts).toMatchObject({
      accepted: expect.any(Number),
      'refused ended': expect.any(Number),
      join: expect.any(Number),
      renew: expect.any(Number),
    });
    expect(Object.keys(told.counts).filter((what) => what.startsWith('ERR'))).toEqual(['ERR_SESSION_NOT_LIVE']);
    expect(told.accepted.length).toBeGreaterThan(1_000);
    expect(await countOf(looking, `SELECT count(*) FROM session_ledger.event WHERE kind = 'expired'`)).toBeGreaterThan(
      20,
    );
    expect(await contradictionsOnLedger(looking)).toEqual(noContradictions);
    expect({
      unrecorded: await unrecordedUses(looking, told.accepted),
      late: told.late,
      used: await countOf(looking, `SELECT count(*) FROM session_ledger.event WHERE kind = 'used'`),
      opened: await sessionsWith(looking, 'created', told.opened),
      revoked: await sessionsWith(looking, 'revoked', told.revoked),
      undone: await sessionsWith(looking, 'created', told.undone),
      overTheLimit: await momentsOverTheLimit(looking),
    }).toEqual({
      unrecorded: 0,
      late: 0,
      used: told.accepted.length,
      opened: told.opened.length,
      revoked: told.revoked.length,
      undone: 0,
      overTheLimit: 0,
    });
    const seen = await horizons;
    expect(seen.length).toBeGreaterThan(50);
    expect(await eventsBelowASeenHorizon(looking, seen)).toBe(0);
    expect(await rebuildSessions(looking, { check: true })).toMatchObject({ differences: 0, first: [] });
  }, 60_000);
});

interface SeenHorizon {
  settledAt: string;
  snapshot: string;
}

const seenHorizonSql = `
SELECT settled_at AS "settledAt", pg_current_snapshot()::text AS snapshot FROM session_ledger.horizon`;

/** Reads the horizon again and again, each time with the snapshot that says which transactions were visible beside it. */
async function readHorizonsUntil(looking: DataSource, until: number): Promise<SeenHorizon[]> {
  const seen: SeenHorizon[] = [];
  while (performance.now() < until) {
    seen.push((await queryRows<SeenHorizon>(looking, { name: 'test_horizon', text: seenHorizonSql, values: [] }))[0]!);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return seen;
}

// `expired` is the one kind recorded late: it is dated at a deadline that the event before it told already.
const belowSeenHorizonSql = `
SELECT count(*) FROM unnest($1::timestamptz[], $2::pg_snapshot[]) AS h(settled_at, snapshot)
  JOIN session_ledger.event e ON e.occurred_at <= h.settled_at AND e.kind <> 'expired'
 WHERE NOT pg_visible_in_snapshot(e.xmin::text::xid8, h.snapshot)`;

/** Events dated at or before a horizon that were not there yet for whoever read it. */
async function eventsBelowASeenHorizon(looking: DataSource, seen: SeenHorizon[]): Promise<number> {
  const values = [seen.map(({ settledAt }) => settledAt), seen.map(({ snapshot }) => snapshot)];
  return countOf(looking, belowSeenHorizonSql, values);
}

// A user holds one session more only at an opening, so that to count there is to count at every instant.
const momentsOverTheLimitSql = `
SELECT count(*) FROM session_ledger.event opened
 WHERE opened.kind = 'created' AND $1 < (
   SELECT count(*) FROM session_ledger.event other
     CROSS JOIN LATERAL session_ledger.last_event_at(other.bucket, other.session_id, opened.occurred_at, 'infinity', '-infinity') decides
    WHERE other.kind = 'created' AND other.subject_id = opened.subject_id
      AND session_ledger.is_live(decides.kind, decides.expires_at, opened.occurred_at))`;

async function momentsOverTheLimit(looking: DataSource): Promise<number> {
  return countOf(looking, momentsOverTheLimitSql, [maxConcurrent]);
}

async function countOf(looking: DataSource, text: string, values: unknown[] = []): Promise<number> {
  const [row] = await queryRows<{ count: number }>(looking, { name: `test_${text.length}`, text, values });
  return row!.count;
}
