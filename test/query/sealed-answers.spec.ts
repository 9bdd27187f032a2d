import { ann } from './asked-bank.js';
import { sealBank, type SealedBank } from './sealed-bank.js';

describe('an answer is sealed', () => {
  let bank: SealedBank;

  beforeEach(async () => {
    bank = await sealBank();
  });
  afterEach(() => bank.close());

  const state = (userId: string, at: string) => bank.history.loginStateAt({ userId, at }, ann);
  const isSealed = async (userId: string, at: string): Promise<boolean> => {
    const { sealed, checkpoint } = await state(userId, at);
    expect(sealed).toBe(checkpoint !== null);
    return sealed;
  };
  /** A session of bob's, recorded after the seal. */
  const recordLater = (at: string, kind = 'created'): Promise<unknown> =>
    bank.superuser.query(
      kind === 'created'
        ? `INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, recorded_at, expires_at, subject_id, application,
                                             absolute_expires_at, secret_digest, recorded_by)
           SELECT get_byte(uuid_send(subject_id), 15) & 63, subject_id, 1, 'created', $1, $1, $1::timestamptz + interval '1 minute', subject_id, 'web',
                  $1::timestamptz + interval '1 hour', sha256('any'), 1 FROM session_ledger.subject WHERE user_id = 'bob'`
        : `INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, recorded_at, reason, recorded_by)
           SELECT bucket, session_id, 9, '${kind}', $1, $1, 'idle', 1 FROM session_ledger.event WHERE occurred_at = '2026-03-03T22:12:00Z'`,
      [at],
    );

  it('by the newest checkpoint, which it names', async () => {
    const [head] = await bank.rows<{ size: string; root: string }>(
      `SELECT size, encode(root, 'base64') AS root FROM session_ledger.tree_head`,
    );
    expect((await state('alice', '2026-03-04T02:14:00Z')).checkpoint).toEqual({
      size: Number(head!.size),
      rootHash: head!.root,
    });
  });

  it('as a yes, when its events are', async () => {
    await recordLater('2026-03-08T00:00:00Z');
    expect(await isSealed('alice', '2026-03-04T02:14:00Z')).toBe(true);
    expect(await isSealed('bob', '2026-03-08T00:00:30Z')).toBe(false);
    await bank.seal();
    expect(await isSealed('bob', '2026-03-08T00:00:30Z')).toBe(true);
  });

  it('as a no, when everything that could have made it a yes is, and that is everything up to the instant', async () => {
    const at = '2026-03-08T12:00:00Z';
    expect(await isSealed('nobody', at)).toBe(true);
    await recordLater('2026-03-08T11:59:59Z');
    expect((await state('nobody', at)).evidence).toEqual([]);
    expect(await isSealed('nobody', at)).toBe(false);
    expect(await isSealed('alice', at)).toBe(false);
    expect(await isSealed('nobody', '2026-03-08T11:59:58Z')).toBe(true);
    expect(await isSealed('nobody', '2026-03-04T12:00:00Z')).toBe(true);
    expect(await isSealed('nobody', '2025-12-01T00:00:00Z')).toBe(true); // unknown: before the ledger
    await recordLater('2026-03-20T00:00:00Z');
    expect(await isSealed('nobody', at)).toBe(false);
    await bank.seal();
    expect(await isSealed('nobody', at)).toBe(true);
    expect(await isSealed('alice', at)).toBe(true);
  });

  it('whatever lapse is written down late: that decides nothing', async () => {
    await recordLater('2026-03-03T22:27:00Z', 'expired');
    expect(await isSealed('bob', '2026-03-04T12:00:00Z')).toBe(true);
  });

  it('over a range, for everyone, and as a list of sessions', async () => {
    const range = { userId: 'alice', from: '2026-03-04T00:00:00Z', to: '2026-03-08T12:00:00Z' };
    const everyone = { at: '2026-03-08T12:00:00Z' };
    const all = async (): Promise<boolean[]> =>
      Promise.all([
        bank.history.loginStateOver(range, ann).then(({ sealed }) => sealed),
        bank.history.loggedInAt(everyone, ann).then(({ sealed }) => sealed),
        bank.history.sessionsOf({ userId: 'bob' }, ann).then(({ sealed }) => sealed),
      ]);
    expect(await all()).toEqual([true, true, true]);
    await recordLater('2026-03-08T11:59:59Z');
    expect(await all()).toEqual([false, false, false]);
    await bank.seal();
    expect(await all()).toEqual([true, true, true]);
  });

  it('not before it is settled, except as a yes', async () => {
    await bank.superuser.query(`UPDATE session_ledger.horizon SET settled_at = '2026-03-04T02:00:00Z'`);
    expect(await state('nobody', '2026-03-04T02:14:00Z')).toMatchObject({ settled: false, sealed: false });
    expect(await state('alice', '2026-03-04T02:14:00Z')).toMatchObject({ settled: false, sealed: true });
  });

  it('and each event says of itself whether it is', async () => {
    const { items } = await bank.history.sessionsOf({ userId: 'bob' }, ann);
    await recordLater('2026-03-03T22:27:00Z', 'expired');
    const events = await bank.history.events(items[0]!.sessionId, {}, ann);
    expect(events.items.map(({ kind, sealed }) => [kind, sealed])).toEqual([
      ['created', true],
      ['used', true],
      ['expired', false],
    ]);
    expect(events).toMatchObject({ contradicting: [], sealed: false, checkpoint: null });
  });
});
