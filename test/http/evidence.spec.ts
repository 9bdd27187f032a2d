import { setTimeout as sleep } from 'node:timers/promises';
import request from 'supertest';
import { verifyEvidence, type EvidenceVerdict } from '../../src/seal/verify-evidence.js';
import type { EvidenceFile } from '../../src/seal/verify-evidence-file.js';
import { startTestService, type TestService } from './running-service.js';

const firefox = { ip: '203.0.113.7', userAgent: 'Firefox' };
const curl = { ip: '198.51.100.9', userAgent: 'curl' };

describe('an answer with its proof, over HTTP', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startTestService({ SESSION_LEDGER_SEAL_EVERY_MS: '50', SESSION_LEDGER_APPLICATION: 'web' });
  });
  afterAll(async () => service.stop());

  it('is to be asked for again until it is settled and sealed', async () => {
    await open('early');
    const { body, headers } = await asking({ userId: 'early', proof: true }).expect(422);
    expect(body).toMatchObject({ code: 'ERR_NOT_SETTLED' });
    expect(headers['retry-after']).toBe('1');
  });

  it('shows a yes by the session, what came next in it, and where it was seen from', async () => {
    const { token } = await open('alice', { client: firefox });
    await use(token, firefox);
    const at = await settledInstant();
    await use(token, curl);
    const file = await proven({ userId: 'alice', at });
    expect(file).toMatchObject({ answer: { answer: 'logged_in', userId: 'alice' }, range: null });
    expect(file.answer.sessions).toMatchObject([{ application: 'web', client: firefox }]);
    expect(kindsIn(file)).toEqual(['application_recorded', 'created', 'used', 'used']);
    const { proven: sentences, restsOn } = await verified(file);
    expect(sentences).toEqual([
      `alice (realm default) was logged in at ${at}`,
      expect.stringMatching(/^session \S+ in web: opened at .*; seen from 203.0.113.7 with "Firefox" at /),
    ]);
    expect(restsOn.join()).not.toMatch(/nothing ended/);
  });

  it('shows where a session was seen from, when an earlier event than those that decide introduced it', async () => {
    const { token } = await open('bert', { client: firefox });
    await use(token, curl);
    await use(token, firefox);
    await use(token, curl);
    const file = await proven({ userId: 'bert', at: await settledInstant() });
    expect(file.answer.sessions).toMatchObject([{ client: curl }]);
    await verified(file);
  });

  it('shows a yes by all that was recorded until then, where nothing came next in the session', async () => {
    await open('celia');
    const at = await settledInstant();
    const file = await proven({ userId: 'celia', at });
    expect(file.range?.leaves.at(-1)).toMatch(/"kind":"horizon_reached"/);
    expect((await verified(file)).restsOn.join()).not.toMatch(/nothing ended/);
  });

  it('shows a no on a ledger in which nothing happened since, and leaves one event for all who ask', async () => {
    const { session } = await open('dora');
    await revoke(session.sessionId);
    const at = await settledInstant();
    const files = await Promise.all(['dora', 'dora', 'dora'].map((userId) => proven({ userId, at })));
    for (const file of files) {
      expect(file).toMatchObject({ answer: { answer: 'not_logged_in', sessions: [] }, range: { first: 0 } });
      expect((await verified(file)).proven[0]).toBe(
        `dora (realm default) was not logged in at ${at}, in web (recorded since ${file.answer.applications[0]!.recordingSince})`,
      );
    }
    const { rows } = await service.owner.query(
      `SELECT count(*)::int AS count FROM session_ledger.event WHERE kind = 'horizon_reached' AND (detail ->> 'settledAt')::timestamptz >= $1`,
      [at],
    );
    expect(rows[0].count).toBe(1);
  });

  it('covers the applications that were asked about, and no others', async () => {
    const { session } = await open('emil', { application: 'web' });
    await open('emil', { application: 'mobile' });
    await revoke(session.sessionId);
    const at = await settledInstant();
    const file = await proven({ userId: 'emil', at, application: 'web' });
    expect(file.answer).toMatchObject({ answer: 'not_logged_in', applications: [{ name: 'web' }] });
    await verified(file);
    expect((await proven({ userId: 'emil', at })).answer).toMatchObject({
      answer: 'logged_in',
      sessions: [{ application: 'mobile' }],
    });
  });

  it('shows an impersonation beside a no, without the name of who acted', async () => {
    await open('boss');
    await open('fred', { actor: { userId: 'boss' }, client: firefox });
    const file = await proven({ userId: 'fred', at: await settledInstant() });
    expect(file.answer).toMatchObject({ answer: 'not_logged_in', impersonations: [{ client: firefox }] });
    expect(JSON.stringify(file)).not.toMatch(/boss/);
    expect((await verified(file)).proven.join()).toMatch(/subject \S+ acted as the user/);
  });

  it('shows that a gap is recorded, and nothing of the user', async () => {
    await open('gina');
    const at = await settledInstant();
    await service.owner.query(
      `SELECT session_ledger.record_gap($1::timestamptz - interval '1 day', $1::timestamptz + interval '1 microsecond', 'restored', NULL, 1)`,
      [at],
    );
    const then = (
      await service.owner.query(
        `SELECT session_ledger.rfc3339(max(occurred_at)) AS at FROM session_ledger.event WHERE kind = 'application_recorded'`,
      )
    ).rows[0].at as string;
    const file = await proven({ userId: 'nobody', at: then });
    expect(file).toMatchObject({ answer: { answer: 'unknown', reason: 'gap' }, subject: null, range: null });
    await verified(file);
  });

  it.each([
    ['a user whom the ledger has never seen', async () => ({ userId: 'stranger', at: await settledInstant() })],
    ['a time before the ledger', async () => ({ userId: 'alice', at: '2001-01-01T00:00:00Z' })],
  ])('is refused for %s: no event shows that', async (_, question) => {
    const { body } = await asking({ ...(await question()), proof: true }).expect(422);
    expect(body).toMatchObject({ code: 'ERR_NOT_PROVABLE' });
  });

  it('is refused when an event that decides is no longer what was sealed', async () => {
    await open('ida');
    const at = await settledInstant();
    await proven({ userId: 'ida', at });
    await service.owner.query(`ALTER TABLE session_ledger.event DISABLE TRIGGER event_append_only`);
    await service.owner.query(
      `UPDATE session_ledger.event e SET expires_at = e.expires_at - interval '1 second'
         FROM session_ledger.subject s WHERE s.subject_id = e.subject_id AND s.user_id = 'ida'`,
    );
    await service.owner.query(`ALTER TABLE session_ledger.event ENABLE ALWAYS TRIGGER event_append_only`);
    const { body } = await asking({ userId: 'ida', at, proof: true }).expect(409);
    expect(body).toMatchObject({ code: 'ERR_EVIDENCE_REJECTED', detail: expect.stringMatching(/not what was sealed/) });
  });

  it('is refused when an address is no longer the one that was recorded', async () => {
    await open('hugo', { client: firefox });
    const at = await settledInstant();
    await proven({ userId: 'hugo', at });
    await service.owner.query(
      `UPDATE session_ledger.client c SET ip = '192.0.2.1' FROM session_ledger.subject s WHERE s.subject_id = c.subject_id AND s.user_id = 'hugo'`,
    );
    const { body } = await asking({ userId: 'hugo', at, proof: true }).expect(409);
    expect(body).toMatchObject({
      code: 'ERR_EVIDENCE_REJECTED',
      detail: expect.stringMatching(/client \d+ is not what/),
    });
  });

  function asking(question: object): request.Test {
    return posting('/v1/login-state', question);
  }

  function posting(path: string, body: object): request.Test {
    return request(service.address).post(path).set('Authorization', `Bearer ${service.adminKey}`).send(body);
  }

  async function proven(question: object): Promise<EvidenceFile> {
    for (let tried = 0; tried < 200; tried += 1) {
      const { status, body } = await asking({ ...question, proof: true });
      if (status === 200) return body as EvidenceFile;
      if ((body as { code: string }).code !== 'ERR_NOT_SETTLED') throw new Error(JSON.stringify(body));
      await sleep(50);
    }
    throw new Error('the answer was not settled and sealed within 10 seconds');
  }

  async function verified(file: EvidenceFile): Promise<EvidenceVerdict> {
    const keys = (await request(service.address).get('/v1/ledger/key').expect(200)).text.trim().split('\n');
    const verdict = verifyEvidence(file, { keys });
    expect(verdict).toMatchObject({ holds: true, faults: [] });
    return verdict;
  }

  async function open(userId: string, more: object = {}): Promise<{ token: string; session: { sessionId: string } }> {
    const { body } = await posting('/v1/sessions', { userId, application: 'web', ...more }).expect(201);
    return body as { token: string; session: { sessionId: string } };
  }

  async function use(token: string, client: object): Promise<void> {
    const { body } = await posting('/v1/sessions/use', { token, client }).expect(200);
    expect(body).toMatchObject({ active: true });
  }

  async function revoke(sessionId: string): Promise<void> {
    await posting(`/v1/sessions/${sessionId}/revoke`, { reason: 'logout' }).expect(200);
  }

  async function settledInstant(): Promise<string> {
    const { rows } = await service.owner.query(`SELECT session_ledger.rfc3339(clock_timestamp()) AS now`);
    const { now } = rows[0] as { now: string };
    for (;;) {
      const settled = await service.owner.query('SELECT settled_at >= $1 AS settled FROM session_ledger.horizon', [
        now,
      ]);
      if ((settled.rows[0] as { settled: boolean }).settled) return now;
      await sleep(50);
    }
  }
});

function kindsIn({ events }: EvidenceFile): string[] {
  return events.map(({ leaf }) => (JSON.parse(leaf) as { kind: string }).kind);
}
