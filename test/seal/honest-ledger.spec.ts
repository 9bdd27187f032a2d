import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionLedgerError } from '../../src/errors.js';
import { expireDue } from '../../src/session/expire.js';
import { recorderId } from '../../src/ledger/recorder.js';
import { liveLog } from '../../src/seal/live-log.js';
import { Sealer } from '../../src/seal/sealer.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { verifyLog } from '../../src/seal/verifier.js';
import { setUpSessions, type SessionsLedger } from '../session/sessions-ledger.js';

const origin = 'ledger.example/honest';
const workers = 8;
const actionsEach = 60;
const clients = ['203.0.113.7', '198.51.100.9'].map((ip) => ({ ip, userAgent: 'Firefox' }));

/**
 * What the product itself writes when everything happens at once: whatever the verifier holds against it would be an alarm that no
 * operator could explain.
 */
describe('a ledger that many wrote at once, honestly', () => {
  let ledger: SessionsLedger;
  const key = SigningKey.generate(origin);

  beforeAll(async () => {
    ledger = await setUpSessions();
  });
  afterAll(() => ledger.close());

  it('holds: every kind of event, lapses and evictions, and what says how far it is settled', async () => {
    const tokens: string[] = [];
    let isDone = false;
    const settling = settleUntil(() => isDone);
    await Promise.all(Array.from({ length: workers }, (_, worker) => act(worker, tokens)));
    isDone = true;
    await settling;
    await lapse();
    const signing = { signingKeys: [key.toPem()], origin, places: [] };
    const sealer = new Sealer({ url: ledger.url, role: 'sealer', ...signing, onFailure: fail });
    await sealer.sealOnce();
    await sealer.stop();
    const kinds = await ledger.rows<{ kind: string; reason: string | null }>(
      `SELECT DISTINCT kind, CASE WHEN kind IN ('revoked', 'expired') THEN reason END AS reason FROM session_ledger.event`,
    );
    const seen = kinds.map(({ kind, reason }) => (reason === null ? kind : `${kind} ${reason}`));
    expect(seen).toEqual(
      expect.arrayContaining([
        'created',
        'used',
        'renewed',
        'horizon_reached',
        'policy_set',
        'revoked logout',
        'revoked admin',
        'revoked replaced',
        'expired idle',
        'expired absolute',
      ]),
    );
    expect(await verifyLog(await liveLog(ledger.superuser), { keys: [key.vkey] })).toMatchObject({
      holds: true,
      faults: [],
    });
  }, 120_000);

  async function act(worker: number, tokens: string[]): Promise<void> {
    for (let action = 0; action < actionsEach; action += 1) {
      const userId = `user-${(worker + action) % 5}`;
      const token = tokens[Math.floor(Math.random() * tokens.length)];
      await anyOf(userId, token, tokens, (worker * 7 + action * 11) % 12).catch((failure: SessionLedgerError) => {
        // Another worker ended the session before: nothing is recorded then.
        if (failure.code !== 'ERR_SESSION_NOT_LIVE') throw failure;
      });
    }
  }

  async function anyOf(userId: string, token: string | undefined, tokens: string[], kind: number): Promise<void> {
    const { sessions } = ledger;
    const client = clients[kind % 2]!;
    if (token === undefined || kind < 3) {
      const policy = [{ idleSeconds: 1 }, { idleSeconds: 1, absoluteSeconds: 1 }, undefined][kind % 3];
      const actor = kind === 1 ? { userId: 'support' } : undefined;
      const replaces = kind === 2 ? token : undefined;
      tokens.push((await sessions.open({ userId, client, amr: ['pwd'], policy, actor, replaces })).token);
    } else if (kind < 8) {
      await Promise.all([
        sessions.use(token, { client }),
        sessions.use(token, { client: clients[0]!, passive: true }),
        sessions.use(token, { passive: true }),
      ]);
    } else if (kind === 8) tokens.push((await sessions.renew(token, { client })).token);
    else if (kind === 9) tokens.push((await sessions.renew(token, { amr: ['pwd', 'otp'] })).token);
    else if (kind === 10) await sessions.revokeToken(token, { reason: 'logout' });
    else await sessions.revokeSessions(userId, { reason: 'admin' });
  }

  async function settleUntil(isDone: () => boolean): Promise<void> {
    const record = `SELECT session_ledger.record_horizon((SELECT settled_at FROM session_ledger.horizon), 'test') AS seq`;
    while (!isDone()) {
      await ledger.writer.query('SELECT session_ledger.advance_horizon()');
      await ledger.writer.query(record);
      await sleep(5);
    }
  }

  async function lapse(): Promise<void> {
    const { sessions } = ledger;
    await sessions.open({ userId: 'idle', policy: { idleSeconds: 1 } });
    await sessions.open({ userId: 'absolute', policy: { idleSeconds: 1, absoluteSeconds: 1 } });
    await recorderId(ledger.writer, 'test');
    const left = `SELECT count(*)::int AS count FROM session_ledger.session WHERE ended_at IS NULL AND absolute_expires_at < created_at + interval '1 minute'`;
    do {
      await sleep(100);
      await expireDue(ledger.writer, 'test');
    } while ((await ledger.rows<{ count: number }>(left))[0]!.count > 0);
  }
});

function fail(failure: Error): void {
  throw failure;
}
