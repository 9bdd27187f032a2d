import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { HorizonFence, readHorizon } from '../../src/ledger/horizon.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import {
  advanceHorizon,
  openSession,
  recordSubject,
  revokeSession,
  superuserOf,
  useSession,
  writerOf,
} from './session-writer.js';

interface Observation {
  horizon: string;
  settled: number;
}

const writers = 12;
const roundsPerWriter = 70;

/** Repeatable noise (mulberry32), so that a failing run can be run again. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('the horizon', () => {
  let database: TestDatabase;
  let writer: DataSource;
  let observer: DataSource;

  beforeAll(async () => {
    database = await createTestDatabase();
    writer = await writerOf(database, writers + 1);
    observer = await superuserOf(database);
  });

  afterAll(async () => {
    await writer.destroy();
    await observer.destroy();
    await database.drop();
  });

  const settledBy = async (horizon: string): Promise<number> => {
    const rows = await queryRows<{ settled: number }>(observer, {
      name: 'test_settled',
      text: `SELECT count(*) AS settled FROM session_ledger.event
              WHERE recorded_at <= $1 OR (occurred_at <= $1 AND kind <> 'expired')`,
      values: [horizon],
    });
    return rows[0]!.settled;
  };

  const raisedPast = async (instant: string): Promise<string> => {
    for (;;) {
      const horizon = await readHorizon(observer);
      if (horizon > instant) return horizon;
      await sleep(20);
    }
  };

  const writeStepByStep = async (subjectId: string): Promise<void> => {
    const sessionId = await openSession(writer, subjectId);
    for (let uses = 0; uses < 3; uses += 1) await useSession(writer, sessionId);
    await revokeSession(writer, sessionId);
  };

  /** Half of the sessions each step by itself; half in one transaction, with pauses, now and then taken back; until enough was seen. */
  const write = async (subjectId: string, random: () => number, isEnough: () => boolean): Promise<void> => {
    for (let round = 0; round < roundsPerWriter || !isEnough(); round += 1) {
      if (random() < 0.5) {
        await writeStepByStep(subjectId);
        continue;
      }
      const runner = writer.createQueryRunner();
      await runner.startTransaction();
      const sessionId = await openSession(runner, subjectId);
      if (random() < 0.5) await sleep(random() * 8);
      for (let uses = 0; uses < 3; uses += 1) await useSession(runner, sessionId);
      if (random() < 0.3) await sleep(random() * 8);
      await revokeSession(runner, sessionId);
      await (random() < 0.2 ? runner.rollbackTransaction() : runner.commitTransaction());
      await runner.release();
    }
  };

  it('is never followed by an event dated at or before it, however long writers take and whatever they take back', async () => {
    const failures: unknown[] = [];
    const fence = new HorizonFence({
      url: database.url,
      role: 'writer',
      everyMs: 0,
      onFailure: (failure) => failures.push(failure),
    });
    fence.start();
    const observations: Observation[] = [];
    const writing = new AbortController();
    const observing = (async () => {
      while (!writing.signal.aborted) {
        const horizon = await readHorizon(observer);
        observations.push({ horizon, settled: await settledBy(horizon) });
        await sleep(2);
      }
    })();
    const subjects = await Promise.all(Array.from({ length: writers }, (_, i) => recordSubject(writer, `user ${i}`)));
    const horizonsSeen = (): number => new Set(observations.map(({ horizon }) => horizon)).size;
    await Promise.all(subjects.map((subjectId, i) => write(subjectId, noise(i), () => horizonsSeen() > 50)));
    writing.abort();
    await observing;
    await fence.stop();

    const written = await queryRows<{ count: number }>(observer, {
      name: 'test_count',
      text: 'SELECT count(*) FROM session_ledger.event',
      values: [],
    });
    expect(written[0]!.count).toBeGreaterThan(2_000);
    const horizons = observations.map(({ horizon }) => horizon);
    expect(horizons).toEqual([...horizons].sort());
    const changed: Observation[] = [];
    for (const seen of observations) if ((await settledBy(seen.horizon)) !== seen.settled) changed.push(seen);
    expect(changed).toEqual([]);
    expect(failures).toEqual([]);
  });

  it('waits for one long transaction, and passes it once it has ended', async () => {
    const fence = new HorizonFence({ url: database.url, role: 'writer', everyMs: 10, onFailure: () => undefined });
    fence.start();
    await raisedPast(await readHorizon(observer));
    const runner = writer.createQueryRunner();
    await runner.startTransaction();
    const sessionId = await openSession(runner, await recordSubject(writer, 'slow user'));
    await sleep(300);
    const before = await readHorizon(observer);
    await sleep(300);
    expect(await readHorizon(observer)).toBe(before);
    await runner.commitTransaction();
    await runner.release();
    const created = await queryRows<{ occurredAt: string }>(observer, {
      name: 'test_created',
      text: `SELECT occurred_at AS "occurredAt" FROM session_ledger.event WHERE session_id = $1`,
      values: [sessionId],
    });
    expect(before < created[0]!.occurredAt).toBe(true);
    // The advance that was waiting had read the clock before the event did; the next one passes it.
    expect((await raisedPast(created[0]!.occurredAt)) > before).toBe(true);
    await fence.stop();
  });

  it.each<[string, (subjectId: string, sessionId: string) => Promise<unknown>]>([
    ['open', (subjectId) => openSession(writer, subjectId)],
    ['use', (_, sessionId) => useSession(writer, sessionId)],
    ['revoke', (_, sessionId) => revokeSession(writer, sessionId)],
  ])('does not overtake a begun %s that cannot insert yet', async (name, act) => {
    const subjectId = await recordSubject(writer, `user of ${name}`);
    const sessionId = await openSession(writer, subjectId);
    const blocker = observer.createQueryRunner();
    await blocker.startTransaction();
    await blocker.query('LOCK TABLE ONLY session_ledger.event IN SHARE MODE');
    const acting = act(subjectId, sessionId);
    await sleep(100);
    const horizon = await advanceHorizon(writer);
    await blocker.commitTransaction();
    await blocker.release();
    await acting;
    const events = await queryRows<{ occurredAt: string }>(observer, {
      name: 'test_newest',
      text: `SELECT occurred_at AS "occurredAt" FROM session_ledger.event ORDER BY seq DESC LIMIT 1`,
      values: [],
    });
    expect(events[0]!.occurredAt > horizon!).toBe(true);
  });

  it('is raised again after the fence has lost its connection', async () => {
    const failures: string[] = [];
    const fence = new HorizonFence({
      url: database.url,
      role: 'writer',
      everyMs: 10,
      onFailure: (failure) => failures.push(failure.code),
    });
    fence.start();
    await raisedPast(await readHorizon(observer));
    await observer.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'session-ledger horizon' AND datname = current_database()`,
    );
    await sleep(100);
    await raisedPast(await readHorizon(observer));
    expect(new Set(failures).size).toBeLessThanOrEqual(1);
    expect(failures.every((code) => code === 'ERR_LEDGER_UNAVAILABLE')).toBe(true);
    await fence.stop();
  });

  it('is raised by one of many instances, and by another when that one stops', async () => {
    const fences = Array.from(
      { length: 4 },
      () => new HorizonFence({ url: database.url, role: 'writer', everyMs: 10, onFailure: () => undefined }),
    );
    for (const fence of fences) fence.start();
    await raisedPast(await readHorizon(observer));
    for (const fence of fences.slice(0, 3)) await fence.stop();
    const before = await readHorizon(observer);
    expect((await raisedPast(before)) > before).toBe(true);
    await fences[3]!.stop();
  });

  it('is told to an instance whose fence always finds another one at it', async () => {
    const other = observer.createQueryRunner();
    await other.startTransaction();
    await other.query(`SELECT pg_advisory_xact_lock(hashtextextended('session_ledger.advance_horizon', 0))`);
    const told: string[] = [];
    const fence = new HorizonFence({
      url: database.url,
      role: 'writer',
      everyMs: 10,
      onHorizon: (horizon) => told.push(horizon),
      onFailure: () => undefined,
    });
    fence.start();
    while (told.length < 2) await sleep(5);
    await fence.stop();
    expect(new Set(told)).toEqual(new Set([await readHorizon(observer)]));
    await other.rollbackTransaction();
    await other.release();
  });

  it('stops at once, even while it waits for a transaction that does not end', async () => {
    const runner = writer.createQueryRunner();
    await runner.startTransaction();
    await openSession(runner, await recordSubject(writer, 'forgotten user'));
    const fence = new HorizonFence({ url: database.url, role: 'writer', everyMs: 10, onFailure: () => undefined });
    fence.start();
    await sleep(200);
    const started = performance.now();
    await fence.stop();
    expect(performance.now() - started).toBeLessThan(1_000);
    await runner.rollbackTransaction();
    await runner.release();
  });
});
