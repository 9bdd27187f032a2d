import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

describe('the policy of the service', () => {
  let service: TestService | undefined;

  afterEach(() => service?.stop());

  const opened = async (running: TestService, count: number) => {
    const api = clientOf(running.address, running.adminKey);
    const answers = [];
    for (let n = 0; n < count; n += 1) answers.push(await api.post('/v1/sessions', { userId: 'alice' }));
    return answers;
  };
  const policyOnLedger = async ({ owner }: TestService) => {
    const { rows } = await owner.query(`SELECT detail FROM session_ledger.event WHERE kind = 'policy_set'`);
    return rows.map(({ detail }) => detail);
  };

  it('may allow so many sessions at once and refuse the next: 409, and nothing is recorded', async () => {
    service = await startTestService({
      SESSION_LEDGER_POLICY: '{"preset":"pci-dss-4","maxConcurrent":2,"onLimit":"refuse"}',
    });
    const answers = await opened(service, 3);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 409]);
    expect(answers[2]?.body).toMatchObject({ code: 'ERR_TOO_MANY_SESSIONS' });
    const { rows } = await service.owner.query(`SELECT 1 FROM session_ledger.event WHERE kind = 'created'`);
    expect(rows).toHaveLength(2);
    expect(await policyOnLedger(service)).toMatchObject([{ name: 'pci-dss-4', maxConcurrent: 2, source: 'tightened' }]);
  });

  it('may end the oldest instead', async () => {
    service = await startTestService({
      SESSION_LEDGER_POLICY: '{"name":"two-at-once","idleSeconds":600,"absoluteSeconds":3600,"maxConcurrent":2}',
    });
    const answers = await opened(service, 3);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    const api = clientOf(service.address, service.adminKey);
    const uses = answers.map(({ body }) => api.post('/v1/sessions/use', { token: body['token'] }));
    expect((await Promise.all(uses)).map(({ body }) => body['active'])).toEqual([false, true, true]);
  });

  it('may be looser than its preset with a justification, which is kept on the ledger', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-policy-'));
    const file = path.join(folder, 'policy.json');
    const justification = 'Wall displays of the control room, in a locked room (risk R-12)';
    writeFileSync(file, JSON.stringify({ preset: 'owasp-asvs-l3', idleSeconds: 7200, justification }, null, 2));
    service = await startTestService({ SESSION_LEDGER_POLICY_FILE: file });
    rmSync(folder, { recursive: true });
    const [answer] = await opened(service, 1);
    expect(answer?.body['session']).toMatchObject({ idleSeconds: 7200 });
    expect(await policyOnLedger(service)).toMatchObject([{ name: 'owasp-asvs-l3', source: 'loosened', justification }]);
  });
});
