import { setTimeout as sleep } from 'node:timers/promises';
import { microsecondsOf, type Instant } from '../../src/ledger/instant.js';
import { resolvePolicy } from '../../src/session/policy.js';
import { mintNextToken } from '../../src/token/session-token.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

const seconds = (from: Instant, to: Instant): number => Number(microsecondsOf(to) - microsecondsOf(from)) / 1e6;

describe('renewing a session', () => {
  let ledger: SessionsLedger;

  beforeAll(async () => {
    ledger = await setUpSessions();
  });

  afterAll(() => ledger.close());

  test('gives the session a new secret under the same id, and the old token is dead', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'alice' });

    const renewed = await ledger.sessions.renew(token);

    expect(renewed.session.sessionId).toBe(session.sessionId);
    expect(renewed.token).not.toBe(token);
    expect(await ledger.sessions.use(token)).toEqual({ active: false, why: 'wrong_secret' });
    expect(await ledger.sessions.use(renewed.token)).toMatchObject({ active: true });
  });

  test('resets the idle deadline and keeps the absolute one without a fresh authentication', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'bob', amr: ['pwd'] });

    const renewed = await ledger.sessions.renew(token);

    expect(renewed.session).toEqual({
      ...session,
      lastUsedAt: renewed.session.lastUsedAt,
      expiresAt: renewed.session.expiresAt,
    });
    expect(seconds(renewed.session.lastUsedAt, renewed.session.expiresAt)).toBe(3_600);
    expect(renewed.session.lastUsedAt > session.lastUsedAt).toBe(true);
  });

  test('starts a new absolute deadline after a fresh authentication', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'carol', amr: ['pwd'], acr: 'aal1' });

    const { session: renewed } = await ledger.sessions.renew(token, { amr: ['pwd', 'otp'], acr: 'aal2' });

    expect(renewed).toMatchObject({ amr: ['pwd', 'otp'], acr: 'aal2', createdAt: session.createdAt });
    expect(renewed.authenticatedAt).toBe(renewed.lastUsedAt);
    expect(seconds(renewed.lastUsedAt, renewed.absoluteExpiresAt)).toBe(86_400);
  });

  test('leaves one renewed event that says all that the session is', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'dave', client: { ip: '192.0.2.9' } });
    await ledger.sessions.use(token);

    const renewed = await ledger.sessions.renew(token, { amr: ['hwk'], client: { ip: '192.0.2.10' } });

    const event = (await ledger.eventsOf(session.sessionId)).at(-1);
    expect(event).toMatchObject({
      kind: 'renewed',
      sessionSeq: 3,
      occurredAt: renewed.session.lastUsedAt,
      expiresAt: renewed.session.expiresAt,
      absoluteExpiresAt: renewed.session.absoluteExpiresAt,
      detail: {
        fresh: true,
        amr: ['hwk'],
        acr: null,
        policy: { name: 'owasp-asvs-l2' },
        clientCommitment: expect.any(String),
      },
    });
  });

  test('applies a policy that was tightened since, and keeps limits of its own that are stricter', async () => {
    const loose = await ledger.sessions.open({ userId: 'erin' });
    const strict = await ledger.sessions.open({ userId: 'erin', policy: { idleSeconds: 60, absoluteSeconds: 300 } });
    const tightened = ledger.sessionsWith({ policy: resolvePolicy('owasp-high-value') });

    const renewedLoose = await tightened.renew(loose.token);
    const renewedStrict = await tightened.renew(strict.token, { amr: ['pwd'] });

    expect(renewedLoose.session.idleSeconds).toBe(300);
    expect(seconds(loose.session.createdAt, renewedLoose.session.absoluteExpiresAt)).toBe(4 * 3_600);
    expect(renewedStrict.session.idleSeconds).toBe(60);
    expect(seconds(renewedStrict.session.lastUsedAt, renewedStrict.session.absoluteExpiresAt)).toBe(300);
    const used = await ledger.sessions.use(renewedLoose.token);
    expect(used).toMatchObject({
      active: true,
      session: { idleSeconds: 300, absoluteExpiresAt: renewedLoose.session.absoluteExpiresAt },
    });
  });

  test('leaves the limits that hold from now on in its event, whether they are the configured ones or tighter', async () => {
    const pci = { name: 'pci-dss-4', idleSeconds: 900, absoluteSeconds: 43_200, source: 'preset' };
    const asked = await ledger.sessions.open({ userId: 'judy', policy: { idleSeconds: 60, absoluteSeconds: 300 } });
    const shorter = await ledger.sessions.open({ userId: 'judy', policy: { absoluteSeconds: 600 } });
    const plain = await ledger.sessions.open({ userId: 'judy' });
    const tightened = ledger.sessionsWith({ policy: resolvePolicy('pci-dss-4') });

    const policies: unknown[] = [];
    for (const { token, session } of [asked, shorter, plain]) {
      const renewed = await tightened.renew(token, { amr: ['pwd'] });
      const { detail, absoluteExpiresAt, occurredAt } = (await ledger.eventsOf(session.sessionId)).at(-1)!;
      const policy = detail!['policy'] as { idleSeconds: number; absoluteSeconds: number };
      expect(policy.idleSeconds).toBe(renewed.session.idleSeconds);
      expect(policy.absoluteSeconds).toBe(seconds(occurredAt as Instant, absoluteExpiresAt as Instant));
      policies.push(policy);
    }

    expect(policies).toEqual([
      { ...pci, idleSeconds: 60, absoluteSeconds: 300, source: 'tightened' },
      { ...pci, idleSeconds: 600, absoluteSeconds: 600, source: 'tightened' },
      pci,
    ]);
  });

  test('of an impersonation stays one', async () => {
    const { token } = await ledger.sessions.open({ userId: 'frank', actor: { userId: 'support-1', realm: 'staff' } });

    expect((await ledger.sessions.renew(token)).session.actor).toEqual({ userId: 'support-1', realm: 'staff' });
  });

  test('is refused in the same words for every token that is not live', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'grace' });
    const ended = await ledger.sessions.open({ userId: 'grace' });
    await ledger.sessions.revoke(ended.session.sessionId, { reason: 'logout' });
    const lapsed = await ledger.sessions.open({ userId: 'grace', policy: { idleSeconds: 1 } });
    await sleep(1_050);

    const refusals = await Promise.all(
      [
        ledger.sessions.renew('nonsense'),
        ledger.sessions.renew(mintNextToken(session.sessionId).token),
        ledger.sessions.renew(mintNextToken('0192f0c1-2345-7abc-8def-0123456789ab').token),
        ledger.sessions.renew(ended.token),
        ledger.sessions.renew(lapsed.token),
        ledger.sessions.renew(token, { sessionId: ended.session.sessionId }),
      ].map(refusalOf),
    );

    expect(refusals.map(({ code }) => code)).toEqual(Array(6).fill('ERR_SESSION_NOT_LIVE'));
    expect(new Set(refusals.map(({ message }) => message)).size).toBe(1);
    expect(await ledger.sessions.use(token)).toMatchObject({ active: true });
  });

  test('by twenty at once succeeds once, and exactly one token is live', async () => {
    const { token, session } = await ledger.sessions.open({ userId: 'heidi' });

    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => ledger.sessions.renew(token)));

    const renewed = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(renewed).toHaveLength(1);
    expect(await ledger.sessions.use(renewed[0]!.value.token)).toMatchObject({ active: true });
    expect((await ledger.eventsOf(session.sessionId)).map(({ kind }) => kind)).toEqual(['created', 'renewed', 'used']);
  });
});
