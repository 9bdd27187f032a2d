import { SessionLedgerError } from '../../src/errors.js';
import { policyPresets } from '../../src/session/policy-presets.js';
import { resolvePolicy, type PolicyOption } from '../../src/session/policy.js';
import { setUpSessions } from './sessions-ledger.js';

const reason = 'call centre agents stay on one call for longer';

function refusal(option: unknown): { code: string; field: string | undefined } {
  try {
    resolvePolicy(option as PolicyOption);
  } catch (failure) {
    const { code, field } = failure as SessionLedgerError;
    return { code, field };
  }
  throw new Error('nothing was refused');
}

describe('policies', () => {
  test.each([
    ['nist-aal1', null, 2_592_000, 'MAY', 'SHOULD'],
    ['nist-aal2', 3_600, 86_400, 'SHOULD', 'SHOULD'],
    ['nist-aal3', 900, 43_200, 'SHOULD', 'SHALL'],
    ['nist-63-3-aal2', 1_800, 43_200, 'SHALL', 'SHALL'],
    ['fedramp-moderate', 900, 43_200, 'SHALL', 'SHALL'],
    ['fedramp-high', 900, 43_200, 'SHALL', 'SHALL'],
    ['pci-dss-4', 900, 43_200, 'SHALL', 'org-defined'],
    ['owasp-asvs-l1', null, 2_592_000, 'org-defined', 'org-defined'],
    ['owasp-asvs-l2', 3_600, 86_400, 'org-defined', 'org-defined'],
    ['owasp-asvs-l3', 900, 43_200, 'org-defined', 'org-defined'],
    ['owasp-high-value', 300, 14_400, 'SHOULD', 'SHOULD'],
    ['owasp-low-risk', 1_800, 28_800, 'SHOULD', 'SHOULD'],
    ['psd2-sca', 300, 14_400, 'SHALL', 'org-defined'],
    ['hipaa-security', 900, 43_200, 'org-defined', 'org-defined'],
    ['disa-asd-stig-v6', 900, 43_200, 'SHALL', 'org-defined'],
  ] as const)(
    '%s: idle %s s, absolute %s s, as strongly as its clauses say',
    (name, idle, absolute, ofIdle, ofAbsolute) => {
      const policy = resolvePolicy(name);

      expect(policy).toMatchObject({
        name,
        idleSeconds: idle,
        absoluteSeconds: absolute,
        source: 'preset',
        justification: null,
      });
      const modality = (limit: string): string | undefined =>
        policy.clauses.find((clause) => clause.limit === limit)?.modality;
      expect([modality('idleSeconds'), modality('absoluteSeconds')]).toEqual([ofIdle, ofAbsolute]);
    },
  );

  test('each preset names a clause for each of its limits, and only FedRAMP High limits concurrent sessions', () => {
    for (const [name, { clauses }] of Object.entries(policyPresets)) {
      const limited = clauses.map(({ limit }) => limit).sort();
      const expected =
        name === 'fedramp-high'
          ? ['absoluteSeconds', 'idleSeconds', 'maxConcurrent']
          : ['absoluteSeconds', 'idleSeconds'];
      expect({ name, limited }).toEqual({ name, limited: expected });
      expect(clauses.every(({ clause }) => /\d/.test(clause) || clause.startsWith('OWASP'))).toBe(true);
    }
    expect(resolvePolicy('fedramp-high').maxConcurrent).toBe(2);
    expect(resolvePolicy('nist-aal3').maxConcurrent).toBeNull();
  });

  test('may be tightened freely, and says so', () => {
    expect(resolvePolicy({ preset: 'pci-dss-4', idleSeconds: 300, maxConcurrent: 1, onLimit: 'refuse' })).toMatchObject(
      {
        name: 'pci-dss-4',
        idleSeconds: 300,
        absoluteSeconds: 43_200,
        maxConcurrent: 1,
        onLimit: 'refuse',
        source: 'tightened',
      },
    );
    expect(resolvePolicy({ preset: 'nist-aal1', idleSeconds: 86_400 }).source).toBe('tightened');
    expect(resolvePolicy({ preset: 'pci-dss-4' }).source).toBe('preset');
  });

  test('may be loosened only with a justification', () => {
    const loosened = { preset: 'pci-dss-4', idleSeconds: 1_800 };
    expect(refusal(loosened)).toEqual({ code: 'ERR_INVALID_POLICY', field: 'policy.justification' });
    expect(refusal({ ...loosened, justification: 'because   ' + ' '.repeat(20) }).field).toBe('policy.justification');
    expect(refusal({ preset: 'pci-dss-4', idleSeconds: null }).field).toBe('policy.justification');
    expect(refusal({ preset: 'fedramp-high', maxConcurrent: 3 }).field).toBe('policy.justification');
    expect(resolvePolicy({ ...loosened, justification: reason } as PolicyOption)).toMatchObject({
      source: 'loosened',
      justification: reason,
    });
  });

  test.each([
    ['an unknown preset', 'pci-dss-5', 'policy'],
    ['a property of Object', 'constructor', 'policy'],
    ['an unknown preset to adjust', { preset: 'x' }, 'policy.preset'],
    [
      'an idle limit above the absolute one',
      { name: 'own', idleSeconds: 601, absoluteSeconds: 600 },
      'policy.idleSeconds',
    ],
    ['a negative limit', { name: 'own', idleSeconds: -1, absoluteSeconds: 600 }, 'policy.idleSeconds'],
    ['no time at all', { name: 'own', idleSeconds: 60, absoluteSeconds: 0 }, 'policy.absoluteSeconds'],
    ['half a second', { name: 'own', idleSeconds: 0.5, absoluteSeconds: 600 }, 'policy.idleSeconds'],
    ['a text', { name: 'own', idleSeconds: '60', absoluteSeconds: 600 }, 'policy.idleSeconds'],
    ['more than 400 days', { name: 'own', idleSeconds: null, absoluteSeconds: 34_560_001 }, 'policy.absoluteSeconds'],
    ['no absolute limit', { name: 'own', idleSeconds: 60 }, 'policy.absoluteSeconds'],
    ['no idle limit and no null', { name: 'own', absoluteSeconds: 60 }, 'policy.idleSeconds'],
    ['the name of a preset', { name: 'pci-dss-4', idleSeconds: 60, absoluteSeconds: 600 }, 'policy.name'],
    ['a misspelt limit', { preset: 'pci-dss-4', idleSecond: 60 }, 'policy.idleSecond'],
    ['no sessions at all', { preset: 'pci-dss-4', maxConcurrent: 0 }, 'policy.maxConcurrent'],
    ['an unknown way to meet the limit', { preset: 'pci-dss-4', onLimit: 'ask' }, 'policy.onLimit'],
    ['nothing', null, 'policy'],
  ])('are refused with %s, by the name of the limit', (_, option, field) => {
    expect(refusal(option)).toEqual({ code: 'ERR_INVALID_POLICY', field });
  });

  test('are on the ledger with their clauses, and with the justification where one was needed', async () => {
    const policy = resolvePolicy({ preset: 'pci-dss-4', idleSeconds: 1_800, justification: reason });
    const ledger = await setUpSessions({ policy });
    try {
      await ledger.sessions.start();
      await ledger.sessionsWith({ instance: 'web-2' }).start();

      const recorded = await ledger.rows<{ detail: object }>(
        `SELECT detail FROM session_ledger.event WHERE kind = 'policy_set'`,
      );
      expect(recorded).toEqual([{ detail: JSON.parse(JSON.stringify(policy)) as object }]);
    } finally {
      await ledger.close();
    }
  });

  test('on the ledger bound what may be opened: after a restore to before it, the policy is recorded anew', async () => {
    const ledger = await setUpSessions();
    try {
      await ledger.sessions.start();
      await ledger.superuser.transaction(async (manager) => {
        await manager.query('ALTER TABLE session_ledger.event DISABLE TRIGGER event_append_only');
        for (const { name } of await manager.query<{ name: string }[]>(
          `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'session_ledger.event'::regclass`,
        )) {
          await manager.query(`ALTER TABLE ${name} DISABLE TRIGGER event_append_only`);
        }
        await manager.query(`DELETE FROM session_ledger.event WHERE kind = 'policy_set'`);
        await manager.query('DELETE FROM session_ledger.lifetime_limit');
      });

      await expect(ledger.sessions.open({ userId: 'alice' })).rejects.toMatchObject({ code: 'ERR_INVALID_POLICY' });
      await expect(ledger.sessions.open({ userId: 'alice' })).resolves.toBeDefined();
    } finally {
      await ledger.close();
    }
  });
});
