import { ann, inPieces, joined } from './asked-bank.js';
import { sealBank, type SealedBank } from './sealed-bank.js';

const at = '2026-03-04T02:14:00Z';
/** Alice's renewal, which decides at 2:14; and her logout. */
const renewal = '2026-03-04T02:13:59Z';
const logout = '2026-03-04T02:20:00Z';

const integrity = { answer: 'unknown', reason: 'integrity' };

describe('when a row that decides contradicts its seal, the answer is unknown, and an alarm is raised', () => {
  let bank: SealedBank;

  beforeEach(async () => {
    bank = await sealBank();
  });
  afterEach(() => bank.close());

  const state = (userId: string, instant = at, more = {}) =>
    bank.history.loginStateAt({ userId, at: instant, ...more }, ann);
  const over = (userId: string, from: string, to: string) =>
    bank.history
      .loginStateOver({ userId, from, to }, ann)
      .then(({ intervals }) =>
        intervals.map(({ from: begun, answer, reason }) => [begun.slice(11, 19), answer, reason]),
      );
  const change = (what: string, where: string): Promise<void> =>
    bank.asOwner(`UPDATE session_ledger.event SET ${what} WHERE ${where}`);

  it('but not before: untouched, every kind of question is answered, and nobody is alarmed', async () => {
    expect(await state('alice')).toMatchObject({ answer: 'logged_in', contradicting: [], sealed: true });
    expect(await state('alice', '2026-03-04T03:00:00Z')).toMatchObject({ answer: 'not_logged_in', sealed: true });
    expect((await over('alice', '2026-03-04T01:00:00Z', '2026-03-04T03:00:00Z')).flat()).not.toContain('unknown');
    expect(await bank.history.loggedInAt({ at }, ann)).toMatchObject({ unknown: [], contradicting: [], sealed: true });
    expect(await bank.history.sessionsOf({ userId: 'alice' }, ann)).toMatchObject({ contradicting: [], sealed: true });
    expect(bank.alarms).toEqual([]);
  });

  it('for one instant', async () => {
    await change("expires_at = expires_at - interval '14 minutes 59 seconds'", `occurred_at = '${renewal}'`);
    const seq = await bank.seqAt(renewal);
    expect(await state('alice')).toMatchObject({
      ...integrity,
      sessions: [],
      later: { sessions: [] },
      contradicting: [seq],
      sealed: false,
      checkpoint: null,
    });
    expect(bank.alarms).toEqual([expect.stringMatching(new RegExp(`^events ${seq} are not what was sealed`))]);
  });

  it('over a range, in the time in which the row has a say', async () => {
    await change("expires_at = '2026-03-04T02:26:00Z'", `occurred_at = '2026-03-04T02:10:00.25Z'`);
    expect(await over('alice', '2026-03-04T01:00:00Z', '2026-03-04T03:00:00Z')).toEqual([
      ['01:00:00', 'not_logged_in', null],
      ['01:59:00', 'logged_in', null], // by her phone, until what follows the row
      ['02:20:00', 'not_logged_in', null],
    ]);
    await change("expires_at = '2026-03-04T02:05:00Z'", `occurred_at = '2026-03-04T01:59:00Z' AND kind = 'created'`);
    expect(await over('alice', '2026-03-04T01:00:00Z', '2026-03-04T03:00:00Z')).toEqual([
      ['01:00:00', 'not_logged_in', null],
      ['01:59:00', 'unknown', 'integrity'],
      ['02:13:30', 'logged_in', null],
      ['02:20:00', 'unknown', 'integrity'],
    ]);
  });

  it('in a list, in the rows that rest on it', async () => {
    await change(
      "kind = 'revoked', expires_at = NULL, reason = 'admin', subject_id = NULL",
      `occurred_at = '${renewal}'`,
    );
    const list = `userId,at\nalice,${at}\nalice,2026-03-04T02:12:00Z\nbob,2026-03-03T22:10:00Z\nalice,${at}\n`;
    const rows = (await joined(bank.history.answerCsv(inPieces(list), ann))).split('\n').map((row) => row.split(','));
    expect(rows.slice(1, 5).map(([, , answer, reason]) => [answer, reason])).toEqual([
      ['unknown', 'integrity'],
      ['logged_in', ''],
      ['logged_in', ''],
      ['unknown', 'integrity'],
    ]);
    expect(bank.alarms).toHaveLength(1);
  });

  it('for everyone: whoever was, and whoever was not', async () => {
    const everyone = async (instant: string) => {
      const { items, unknown, absenceUnknown, contradicting } = await bank.history.loggedInAt({ at: instant }, ann);
      return {
        items: items.map(({ userId }) => userId),
        unknown: unknown.map(({ userId }) => userId),
        absenceUnknown,
        contradicting,
      };
    };
    expect(await everyone('2026-03-04T02:21:00Z')).toMatchObject({ items: [], unknown: [] });
    await change('actor_id = subject_id', `occurred_at = '2026-03-04T02:05:00Z'`); // carol's, in which the help desk acted
    await change(
      "occurred_at = '2026-03-04T02:19:00Z', recorded_at = '2026-03-04T02:19:00Z'",
      `occurred_at = '${logout}'`,
    );
    const moved = await bank.seqAt('2026-03-04T02:19:00Z');
    expect(await everyone('2026-03-04T02:21:00Z')).toEqual({
      items: [],
      unknown: ['alice', 'carol'],
      absenceUnknown: null,
      contradicting: [moved, await bank.seqAt('2026-03-04T02:05:00Z')].sort((a, b) => a - b),
    });
    await change("expires_at = expires_at + interval '1 hour'", `occurred_at = '${renewal}'`);
    expect(await everyone(at)).toMatchObject({ items: [], unknown: ['alice', 'carol'] });
  });

  it('for a session: neither live nor ended', async () => {
    await change("reason = 'admin'", `occurred_at = '${logout}'`);
    const seq = await bank.seqAt(logout);
    const { items, contradicting, sealed } = await bank.history.sessionsOf({ userId: 'alice' }, ann);
    expect(items).toMatchObject([
      { state: 'unknown', endedAt: null, endReason: null },
      { state: 'ended', endReason: 'idle' },
    ]);
    expect({ contradicting, sealed }).toEqual({ contradicting: [seq], sealed: false });
    const { sessionId } = items[0]!;
    expect(await bank.history.session(sessionId, ann)).toMatchObject({ state: 'unknown', contradicting: [seq] });
    const events = await bank.history.events(sessionId, {}, ann);
    expect(events).toMatchObject({ contradicting: [seq], sealed: false });
    expect(events.items.map((event) => event.sealed)).toEqual([true, true, true, true, false]);
    const { later } = await state('alice', '2026-03-04T02:12:00Z', { application: 'web' });
    expect(later.sessions).toMatchObject([{ state: 'unknown', endedAt: null }]);
  });

  it('unless a session none of whose rows contradicts makes it a yes', async () => {
    const both = '2026-03-04T02:12:00Z';
    expect((await state('alice', both)).sessions).toHaveLength(2);
    await change("expires_at = '2026-03-04T02:26:00Z'", `occurred_at = '2026-03-04T02:10:00.25Z'`);
    const alice = await state('alice', both);
    expect(alice).toMatchObject({ answer: 'logged_in', reason: null, sessions: [{ application: 'mobile' }] });
    expect(alice.evidence.map(({ occurredAt }) => occurredAt)).toEqual(['2026-03-04T01:59:00.000000Z']);
    expect(alice.contradicting).toEqual([await bank.seqAt('2026-03-04T02:10:00.25Z')]);
    expect(bank.alarms).toHaveLength(1);
  });

  it('for what the ledger covers: its policies, applications and gaps decide that a no is one', async () => {
    const asleep = '2026-03-05T03:00:00Z';
    expect(await state('alice', asleep)).toMatchObject({ answer: 'not_logged_in' });
    await change(
      `detail = '{"absoluteSeconds": 60}'`,
      `kind = 'policy_set' AND detail ->> 'absoluteSeconds' = '43200'`,
    );
    expect(await state('alice', asleep)).toMatchObject(integrity);
    expect((await over('alice', '2026-03-05T03:00:00Z', '2026-03-05T04:00:00Z'))[0]).toMatchObject([
      '03:00:00',
      'unknown',
      'integrity',
    ]);
    expect(await bank.history.loggedInAt({ at: asleep }, ann)).toMatchObject({ absenceUnknown: 'integrity' });
    const list = bank.history.answerCsv(inPieces(`userId,at\nalice,${asleep}\n`), ann);
    expect(await joined(list)).toContain('unknown,integrity');
    await change(`detail = '{"absoluteSeconds": 43200}'`, `detail ->> 'absoluteSeconds' = '60'`);
    await change(`detail = detail || '{"name": "pci-dss-4"}'`, `detail = '{"absoluteSeconds": 43200}'`);
    expect(await state('alice', asleep)).toMatchObject({ answer: 'not_logged_in', contradicting: [] });
    await change(`detail = detail || '{"to": "2026-03-06T00:10:00.000000Z"}'`, `kind = 'gap'`);
    expect(await state('alice', '2026-03-06T00:30:00Z')).toMatchObject(integrity);
    expect(await state('alice')).toMatchObject({ answer: 'logged_in' });
  });

  it('when the opening of a session that was renewed is gone', async () => {
    await bank.asOwner(`DELETE FROM session_ledger.event WHERE occurred_at = '2026-03-04T02:00:00Z'`);
    const contradicting = [await bank.seqAt(renewal)];
    expect(await state('alice', at, { application: 'web' })).toMatchObject({ ...integrity, contradicting });
    expect((await over('alice', '2026-03-04T02:14:00Z', '2026-03-04T02:30:00Z')).map(([, answer]) => answer)).toEqual([
      'unknown',
      'not_logged_in',
    ]);
    expect(await joined(bank.history.answerCsv(inPieces(`userId,at\nalice,${at}\n`), ann))).toContain(
      'unknown,integrity',
    );
    const alice = { userId: 'alice', realm: 'default' };
    expect(await bank.history.loggedInAt({ at }, ann)).toMatchObject({ items: [], unknown: [alice], contradicting });
  });

  it('when an instant was made infinite, which without its CHECK nothing prevents', async () => {
    const infinite = (what: string, where: string): Promise<void> =>
      bank.asOwner(
        'ALTER TABLE session_ledger.event DROP CONSTRAINT IF EXISTS event_within_years, DROP CONSTRAINT IF EXISTS event_shape, DROP CONSTRAINT IF EXISTS event_recorded_promptly',
        `UPDATE session_ledger.event SET ${what} WHERE occurred_at = '${where}'`,
      );
    const [seq, end] = [await bank.seqAt(renewal), await bank.seqAt(logout)];
    await infinite("expires_at = 'infinity', absolute_expires_at = 'infinity'", renewal);
    expect(await state('alice')).toMatchObject({ ...integrity, contradicting: [seq] });
    expect(await bank.history.loggedInAt({ at }, ann)).toMatchObject({ items: [], contradicting: [seq] });
    const [web] = (await bank.history.sessionsOf({ userId: 'alice' }, ann)).items;
    expect(web).toMatchObject({ state: 'unknown' });
    expect(await bank.history.events(web!.sessionId, {}, ann)).toMatchObject({ contradicting: [seq], sealed: false });
    expect((await over('alice', '2026-03-04T02:14:00Z', '2026-03-04T02:30:00Z'))[0]).toMatchObject([
      '02:14:00',
      'unknown',
      'integrity',
    ]);
    await infinite("occurred_at = 'infinity'", logout);
    expect((await state('alice')).contradicting).toEqual([seq, end]);
    const { contradicting, items } = await bank.history.events(web!.sessionId, {}, ann);
    expect({ contradicting, last: items.at(-1) }).toMatchObject({
      contradicting: [seq, end],
      last: { seq: end, occurredAt: '9999-12-31T23:59:59.999999Z', sealed: false },
    });
    const opening = await bank.seqAt('2026-03-04T02:00:00Z');
    await infinite("occurred_at = '-infinity'", '2026-03-04T02:00:00Z');
    const seen = await bank.history.clientsSeen({ ip: '0.0.0.0/0' }, ann);
    expect(seen.contradicting).toEqual([opening, seq]);
    expect(seen.items.map(({ firstSeenAt }) => firstSeenAt)).toContain('0001-01-01T00:00:00.000000Z');
    expect(await state('alice', at, { application: 'web' })).toMatchObject(integrity);
    expect(await bank.history.loggedInAt({ at }, ann)).toMatchObject({ items: [] });
  });

  describe('and so it is', () => {
    const forged = (seq: number | string, instant: string): string =>
      `INSERT INTO session_ledger.event (seq, bucket, session_id, session_seq, kind, occurred_at, recorded_at, reason, recorded_by)
       SELECT ${seq}, bucket, session_id, session_seq + 1, 'revoked', '${instant}', '${instant}', 'logout', 1
         FROM session_ledger.event WHERE occurred_at = '${renewal}'`;

    it.each([
      ['in a gap of the numbers, which every rollback leaves', '900'],
      ['below the first number', '-1'],
      ['under the number of another event', '1003'],
      [
        'under its own number, in its own place',
        `(SELECT seq FROM session_ledger.event WHERE occurred_at = '${logout}')`,
      ],
    ])('when an event was inserted %s', async (_, seq) => {
      await bank.asOwner(
        'ALTER TABLE session_ledger.event DROP CONSTRAINT event_is_numbered',
        forged(seq, '2026-03-04T02:13:59.5Z'),
      );
      expect(await state('alice')).toMatchObject({ ...integrity, contradicting: [expect.any(Number)], sealed: false });
    });

    it.each([
      ['the run of a seal', 'DELETE FROM session_ledger.seal_run'],
      ['a tile', 'DELETE FROM session_ledger.tile WHERE level = 0'],
      ['a hash', `UPDATE session_ledger.tile SET hashes = decode(repeat('00', length(hashes)), 'hex') WHERE level = 0`],
    ])('when %s was removed or changed', async (_, statement) => {
      await bank.asOwner(statement);
      expect(await state('alice', '2026-03-04T12:00:00Z')).toMatchObject(integrity);
    });

    it('when an event is missing between the one that decides and the one behind it', async () => {
      const later = '2026-03-04T02:13:45Z';
      await bank.asOwner(`DELETE FROM session_ledger.event WHERE occurred_at = '${renewal}'`);
      expect(await state('alice', later, { application: 'web' })).toMatchObject(integrity);
      expect(await over('alice', '2026-03-04T02:13:31Z', '2026-03-04T02:30:00Z')).toEqual([
        ['02:13:31', 'logged_in', null], // by her phone
        ['02:14:00', 'unknown', 'integrity'],
        ['02:20:00', 'not_logged_in', null],
      ]);
    });

    it('when the event behind was moved, so that the one that decides seems to have had a say for longer', async () => {
      await change(
        "occurred_at = '2026-03-04T02:25:00Z', recorded_at = '2026-03-04T02:25:00Z'",
        `occurred_at = '${logout}'`,
      );
      expect(await state('alice', '2026-03-04T02:22:00Z')).toMatchObject(integrity);
      expect(await over('alice', '2026-03-04T02:15:00Z', '2026-03-04T02:30:00Z')).toEqual([
        ['02:15:00', 'unknown', 'integrity'],
      ]);
    });
  });
});
