import { ann, inPieces, joined } from './asked-bank.js';
import { sealBank, type SealedBank } from './sealed-bank.js';

/** Alice was logged in then, and mallory was not; a day later it was the other way round. */
const at = '2026-03-04T02:14:00Z';
const dayLater = '2026-03-05T12:01:00Z';
const integrity = { answer: 'unknown', reason: 'integrity', sessions: [], sealed: false, checkpoint: null };

const swapNames = `
UPDATE session_ledger.subject SET user_id = 'nobody yet' WHERE user_id = 'alice';
UPDATE session_ledger.subject SET user_id = 'alice' WHERE user_id = 'mallory';
UPDATE session_ledger.subject SET user_id = 'mallory' WHERE user_id = 'nobody yet'`;

describe('when the row that names a user was changed, the answer is unknown, and an alarm is raised', () => {
  let bank: SealedBank;

  beforeEach(async () => {
    bank = await sealBank();
  });
  afterEach(() => bank.close());

  const state = (userId: string, instant = at, more = {}) =>
    bank.history.loginStateAt({ userId, at: instant, ...more }, ann);
  const over = async (userId: string, from: string, to: string) => {
    const { intervals, ...answer } = await bank.history.loginStateOver({ userId, from, to }, ann);
    return { ...answer, intervals: intervals.map(({ answer: verdict, reason }) => [verdict, reason]) };
  };
  const listed = async (list: string) =>
    (await joined(bank.history.answerCsv(inPieces(list), ann)))
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split(',').slice(2, 4));
  /** The openings of a user's sessions. */
  const openingsOf = async (userId: string): Promise<number[]> => {
    const rows = await bank.rows<{ seq: number }>(
      `SELECT e.seq::integer FROM session_ledger.event e JOIN session_ledger.subject s USING (subject_id)
        WHERE s.user_id = $1 AND e.kind = 'created' ORDER BY e.seq`,
      [userId],
    );
    return rows.map(({ seq }) => seq);
  };

  it('but not before: what a user is committed to is the user', async () => {
    expect(await state('alice')).toMatchObject({ answer: 'logged_in', contradicting: [], sealed: true });
    expect(await state('alice', dayLater)).toMatchObject({ answer: 'not_logged_in', contradicting: [], sealed: true });
    expect(bank.alarms).toEqual([]);
  });

  it('for two users whose names were swapped, at an instant', async () => {
    const [ofAlice, ofMallory] = [await openingsOf('alice'), await openingsOf('mallory')];
    await bank.superuser.query(swapNames);
    expect(await state('mallory')).toMatchObject({ ...integrity, contradicting: ofAlice, impersonations: [] });
    expect(bank.alarms).toEqual([expect.stringMatching(new RegExp(`^events ${ofAlice.join(', ')} are not`))]);
    expect(await state('alice', dayLater)).toMatchObject({ ...integrity, contradicting: ofMallory });
    // No session that could have been live then stands behind either of their names.
    expect(await state('alice')).toMatchObject({ ...integrity, contradicting: ofMallory });
    expect(await state('alice', at, { knownAt: '2026-03-05T13:00:00Z' })).toMatchObject(integrity);
    expect(await state('mallory', dayLater)).toMatchObject({ ...integrity, contradicting: [expect.any(Number)] });
    expect(await state('bob')).toMatchObject({ answer: 'not_logged_in', contradicting: [], sealed: true });
  });

  it('for two users whose names were swapped, over a range and in a list', async () => {
    await bank.superuser.query(swapNames);
    for (const userId of ['alice', 'mallory'])
      for (const day of ['2026-03-04', '2026-03-05'])
        expect(await over(userId, `${day}T00:00:00Z`, `${day}T23:00:00Z`)).toMatchObject({
          intervals: [['unknown', 'integrity']],
          sessions: [],
          contradicting: expect.arrayContaining([expect.any(Number)]),
          sealed: false,
        });
    const list = `userId,at\nalice,${at}\nmallory,${at}\nbob,2026-03-03T22:10:00Z\nalice,${dayLater}\nmallory,${dayLater}\n`;
    expect(await listed(list)).toEqual([
      ['unknown', 'integrity'],
      ['unknown', 'integrity'],
      ['logged_in', ''],
      ['unknown', 'integrity'],
      ['unknown', 'integrity'],
    ]);
    expect(await listed(`userId,at\nalice,${at}\n`)).toEqual([['unknown', 'integrity']]);
  });

  it('for everyone: whose sessions these are, and whose they are not, nobody knows', async () => {
    const everyone = async (instant: string) => {
      const { items, unknown, ...page } = await bank.history.loggedInAt({ at: instant }, ann);
      return { ...page, items: items.map(({ userId }) => userId), unknown: unknown.map(({ userId }) => userId) };
    };
    expect(await everyone(at)).toMatchObject({ items: ['alice'], unknown: [], absenceUnknown: null, sealed: true });
    const openings = await openingsOf('alice');
    await bank.superuser.query(swapNames);
    const broken = { items: [], unknown: ['mallory'], absenceUnknown: 'integrity', sealed: false };
    expect(await everyone(at)).toMatchObject({ ...broken, contradicting: openings });
    // Her sessions have ended by then.
    expect(await everyone('2026-03-04T02:30:00Z')).toMatchObject(broken);
  });

  it('for the sessions of a user, one session, and where users were seen from', async () => {
    const [opening] = await openingsOf('mallory');
    await bank.superuser.query(swapNames);
    const sessions = await bank.history.sessionsOf({ userId: 'alice' }, ann);
    const broken = { contradicting: [opening], sealed: false };
    expect(sessions).toMatchObject({ items: [{ state: 'unknown', endedAt: null, endReason: null }], ...broken });
    const { sessionId } = sessions.items[0]!;
    expect(await bank.history.session(sessionId, ann)).toMatchObject({ state: 'unknown', ...broken });
    const from = '2026-03-05T00:00:00Z';
    expect(await bank.history.clientsSeen({ ip: '203.0.113.7', from }, ann)).toMatchObject(broken);
  });

  it('for a user whose name was changed into another’s, or whose realm was', async () => {
    const openings = await openingsOf('alice');
    await bank.superuser.query(`UPDATE session_ledger.subject SET user_id = 'eve' WHERE user_id = 'alice'`);
    expect(await state('eve')).toMatchObject({ ...integrity, contradicting: openings });
    await bank.superuser.query(
      `UPDATE session_ledger.subject SET user_id = 'alice', realm = 'staff' WHERE user_id = 'eve'`,
    );
    expect(await state('alice', at, { realm: 'staff' })).toMatchObject({ ...integrity, contradicting: openings });
    // There is no row then that could contradict anything.
    expect(await state('alice')).toMatchObject({ answer: 'not_logged_in', reason: 'no_such_user', contradicting: [] });
  });

  it('for a user whose whole row was exchanged, salt and commitment with it', async () => {
    await bank.superuser.query(`
      CREATE TABLE public.kept AS SELECT * FROM session_ledger.subject;
      UPDATE session_ledger.subject SET user_id = 'nobody yet' WHERE user_id = 'alice';
      UPDATE session_ledger.subject s SET user_id = k.user_id, salt = k.salt, commitment = k.commitment
        FROM public.kept k WHERE s.user_id = 'mallory' AND k.user_id = 'alice';
      UPDATE session_ledger.subject s SET user_id = k.user_id, salt = k.salt, commitment = k.commitment
        FROM public.kept k WHERE s.user_id = 'nobody yet' AND k.user_id = 'mallory'`);
    for (const instant of [at, dayLater])
      for (const userId of ['alice', 'mallory']) expect(await state(userId, instant)).toMatchObject(integrity);
  });

  it('unless the row was erased: it says nothing, and contradicts nothing', async () => {
    await bank.superuser.query(`
      ALTER TABLE session_ledger.subject ALTER salt DROP NOT NULL;
      UPDATE session_ledger.subject SET salt = NULL WHERE user_id = 'alice'`);
    expect(await state('alice')).toMatchObject({ answer: 'logged_in', contradicting: [] });
    expect(await state('alice', dayLater)).toMatchObject({ answer: 'not_logged_in', contradicting: [] });
    expect(bank.alarms).toEqual([]);
  });
});
