import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { Bearers } from './bearers.js';
import { factsAfter, nothingLost } from './recorded-facts.js';
import { startInstance, type RunningInstance } from './running-instance.js';

describe('a database clock that steps back under load', () => {
  let database: TestDatabase;
  let instance: RunningInstance;
  let outside: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    outside = new pg.Client({ connectionString: database.url });
    await outside.connect();
    instance = await startInstance(database.url);
  });

  afterAll(async () => {
    await instance.stop();
    await outside.end();
    await database.drop();
  });

  /** A floor ahead of the clock is what a clock that stepped back leaves behind. */
  const stepBack = (seconds: number): Promise<unknown> =>
    outside.query(
      `SELECT setval('session_ledger.clock_floor', ((extract(epoch FROM clock_timestamp()) + $1) * 1000000)::bigint)`,
      [seconds],
    );

  test('by half a second is bridged: nothing is refused, and nothing is dated backwards', async () => {
    const bearers = new Bearers([instance.sessions], 20);
    await bearers.untilAccepted(100);
    await stepBack(0.5);
    await bearers.untilAccepted(500);
    const told = await bearers.stop();

    const { used, ...facts } = await factsAfter(database.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used).toBe(told.accepted.length);
    expect(told.notRecorded).toEqual({});
  });

  test('by three seconds stops recording until the clock is back where it was, without a gap and without an operator', async () => {
    const before = await usesOn(outside);
    const bearers = new Bearers([instance.sessions], 20);
    await bearers.untilAccepted(100);
    await stepBack(3);
    await sleep(500);
    const acceptedUntilThen = bearers.told.accepted.length;
    await sleep(700);
    const acceptedMeanwhile = bearers.told.accepted.length - acceptedUntilThen;
    await bearers.untilAccepted(100);
    const told = await bearers.stop();

    const { used, ...facts } = await factsAfter(database.url, told);
    expect(facts).toEqual(nothingLost);
    expect(used - before).toBe(told.accepted.length);
    expect(acceptedMeanwhile).toBe(0);
    expect(Object.keys(told.notRecorded)).toEqual(['ERR_CLOCK_BEHIND']);
    const { rows } = await outside.query(`SELECT 1 FROM session_ledger.event WHERE kind = 'gap'`);
    expect(rows).toEqual([]);
  });
});

async function usesOn(outside: pg.Client): Promise<number> {
  const { rows } = await outside.query(
    `SELECT count(*)::integer AS uses FROM session_ledger.event WHERE kind = 'used'`,
  );
  return rows[0].uses;
}
