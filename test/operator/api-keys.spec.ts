import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { ApiKeyAuthentication } from '../../src/operator/authenticate-api-key.js';
import { hasFirstStartKey, recordBootstrapKey } from '../../src/operator/bootstrap-key.js';
import { createApiKey } from '../../src/operator/create-api-key.js';
import { listApiKeys } from '../../src/operator/list-api-keys.js';
import { revokeApiKey } from '../../src/operator/revoke-api-key.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

describe('API keys', () => {
  let database: TestDatabase;
  let writer: DataSource;
  let owner: pg.Client;
  let authentication: ApiKeyAuthentication;

  beforeAll(async () => {
    database = await createTestDatabase();
    const { url } = database;
    writer = await ledgerDataSource({ url, role: 'writer', poolSize: 8, applicationName: 'test' }).initialize();
    authentication = new ApiKeyAuthentication(writer);
    owner = new pg.Client({ connectionString: url });
    await owner.connect();
  });

  afterAll(async () => {
    await writer.destroy();
    await owner.end();
    await database.drop();
  });

  const analyst = { name: 'fraud desk', roles: ['analyst'] as const, createdBy: 'os:test' };

  it('are known by their digest, and their text is kept nowhere', async () => {
    const { key, apiKeyId } = await createApiKey(writer, { ...analyst, realm: 'staff', applications: ['web'] });
    expect(key).toMatch(/^slk_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$/);
    const { rows } = await owner.query('SELECT * FROM session_ledger.api_key WHERE api_key_id = $1', [apiKeyId]);
    expect(rows[0].key_digest).toEqual(createHash('sha256').update(key).digest());
    expect(JSON.stringify(rows)).not.toContain(key.slice(37));
    expect(await authentication.holderOf(key)).toEqual({
      apiKeyId,
      name: 'fraud desk',
      roles: ['analyst'],
      realm: 'staff',
      applications: ['web'],
    });
  });

  it('that were never made, or are cut short, malformed or empty, belong to nobody', async () => {
    const { key } = await createApiKey(writer, analyst);
    const strangers = [
      '',
      ' ',
      'x',
      key.slice(0, -1),
      `${key}A`,
      `${key} `,
      `${key}'--`,
      'ключ'.repeat(20),
      'a'.repeat(64),
    ];
    for (const stranger of strangers) expect(await authentication.holderOf(stranger)).toBeUndefined();
  });

  it('are refused from the moment their revocation returns, and a second revocation changes nothing', async () => {
    const { key, apiKeyId } = await createApiKey(writer, analyst);
    expect(await authentication.holderOf(key)).toBeDefined();
    expect(await revokeApiKey(writer, apiKeyId, 'os:erin')).toBe(true);
    expect(await authentication.holderOf(key)).toBeUndefined();
    expect(await revokeApiKey(writer, apiKeyId, 'os:mallory')).toBe(false);
    const listed = (await listApiKeys(writer)).find((candidate) => candidate.apiKeyId === apiKeyId);
    expect(listed).toMatchObject({ revokedBy: 'os:erin', revokedAt: expect.stringMatching(/\.\d{6}Z$/) });
  });

  it('presented at once get each its own answer, also while others are being looked up', async () => {
    const keys = await Promise.all(
      Array.from({ length: 10 }, (_, n) => createApiKey(writer, { ...analyst, name: `n${n}` })),
    );
    const presented = Array.from({ length: 300 }, (_, turn) => ({ turn, key: keys[turn % 10]?.key ?? '' }));
    const holders = await Promise.all(
      presented.map(async ({ turn, key }) => {
        if (turn % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
        return turn % 3 === 0 ? authentication.holderOf(`${key}x`) : authentication.holderOf(key);
      }),
    );
    holders.forEach((holder, turn) => expect(holder?.name).toBe(turn % 3 === 0 ? undefined : `n${turn % 10}`));
  });

  it('cannot be revoked by an id that is no key’s', async () => {
    for (const id of ['', 'x', '00000000-0000-4000-8000-000000000000'])
      await expect(revokeApiKey(writer, id, 'os:erin')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  it('note when they were used, at most once a minute, also when used at once', async () => {
    const { key, apiKeyId } = await createApiKey(writer, analyst);
    await Promise.all(Array.from({ length: 20 }, () => new ApiKeyAuthentication(writer).holderOf(key)));
    const first = await untilNoted(apiKeyId);
    for (let again = 0; again < 20; again += 1) await authentication.holderOf(key);
    expect(await noteOf(apiKeyId)).toEqual(first);
    await owner.query(
      `UPDATE session_ledger.api_key SET last_used_at = last_used_at - interval '61 seconds' WHERE api_key_id = $1`,
      [apiKeyId],
    );
    await authentication.holderOf(key);
    await untilNoted(apiKeyId, first.last_used_at);
  });

  it('are let in while somebody holds the row of one of them: noting their use waits for nobody', async () => {
    const [held, other] = [await createApiKey(writer, analyst), await createApiKey(writer, analyst)];
    await owner.query('BEGIN');
    await owner.query('SELECT FROM session_ledger.api_key WHERE api_key_id = $1 FOR UPDATE', [held.apiKeyId]);
    for (const { key, apiKeyId } of [held, other, held]) {
      expect(await authentication.holderOf(key)).toMatchObject({ apiKeyId });
    }
    await untilNoted(other.apiKeyId);
    expect((await noteOf(held.apiKeyId)).last_used_at).toBeNull();
    await owner.query('ROLLBACK');
    expect(await authentication.holderOf(held.key)).toBeDefined();
    await untilNoted(held.apiKeyId);
  });

  it('are let in although their use cannot be noted', async () => {
    const { key, apiKeyId } = await createApiKey(writer, analyst);
    await owner.query('REVOKE UPDATE (last_used_at) ON session_ledger.api_key FROM session_ledger_writer');
    try {
      for (let again = 0; again < 5; again += 1) expect(await authentication.holderOf(key)).toMatchObject({ apiKeyId });
    } finally {
      await owner.query('GRANT UPDATE (last_used_at) ON session_ledger.api_key TO session_ledger_writer');
    }
  });

  it('are looked up on another connection while one of them does not answer', async () => {
    const { key, apiKeyId } = await createApiKey(writer, analyst);
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE session_ledger.api_key IN ACCESS EXCLUSIVE MODE');
    const stuck = authentication.holderOf(key);
    const pid = await untilWaiting();
    process.kill(pid, 'SIGSTOP'); // as if the network swallowed its answer
    try {
      await owner.query('ROLLBACK');
      const others = Array.from({ length: 5 }, () => authentication.holderOf(key));
      const outcome = await Promise.race([stuck, ...others]);
      expect(outcome).toMatchObject({ apiKeyId });
      expect(await Promise.all(others)).toMatchObject(others.map(() => ({ apiKeyId })));
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    expect(await stuck).toMatchObject({ apiKeyId });
  });

  const noteOf = async (apiKeyId: string): Promise<{ last_used_at: string | null; xmin: string }> => {
    const { rows } = await owner.query(
      'SELECT last_used_at::text, xmin::text FROM session_ledger.api_key WHERE api_key_id = $1',
      [apiKeyId],
    );
    return rows[0];
  };

  /** Waits for the note of a use, later than another when that is given. */
  const untilNoted = async (apiKeyId: string, than: string | null = null) => {
    for (;;) {
      const note = await noteOf(apiKeyId);
      if (note.last_used_at !== null && (than === null || note.last_used_at > than)) return note;
      await pause(10);
    }
  };

  /** The process of the database that waits for the locked table. */
  const untilWaiting = async (): Promise<number> => {
    for (;;) {
      const { rows } = await owner.query<{ pid: number }>(
        `SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
          WHERE NOT l.granted AND l.relation = 'session_ledger.api_key'::regclass AND d.datname = current_database()`,
      );
      if (rows[0] !== undefined) return rows[0].pid;
      await pause(10);
    }
  };

  it('need a role and a name that can be read', async () => {
    const refusals = [
      { ...analyst, name: '' },
      { ...analyst, name: 'a'.repeat(101) },
      { ...analyst, name: 'line\nbreak' },
      { ...analyst, realm: '' },
      { ...analyst, applications: ['web', '\u0000'] },
      { ...analyst, roles: [] },
    ];
    for (const input of refusals)
      await expect(createApiKey(writer, input)).rejects.toMatchObject({ code: 'ERR_INVALID_INPUT' });
  });

  describe('of a first start', () => {
    const made = 'slk_first-start-key-0123456789abcdef0123';

    it('are recorded once per database, whoever of several instances comes first', async () => {
      const keys = Array.from({ length: 6 }, (_, instance) => `${made}-${instance}`);
      const outcomes = await Promise.all(keys.map((key) => recordBootstrapKey(writer, key, 'first start')));
      expect(outcomes.toSorted()).toEqual([...Array(5).fill('another is recorded'), 'recorded']);
      const winner = keys[outcomes.indexOf('recorded')] ?? '';
      expect(await recordBootstrapKey(writer, winner, 'first start')).toBe('known');
      expect(await hasFirstStartKey(writer)).toBe(true);
      expect((await authentication.holderOf(winner))?.roles).toEqual(['application', 'analyst', 'compliance', 'admin']);
    });

    it('of the environment replace the one before, and never come back once revoked', async () => {
      const [first, second] = ['a'.repeat(40), 'b'.repeat(40)] as const;
      expect(await recordBootstrapKey(writer, first, 'environment')).toBe('recorded');
      expect(await recordBootstrapKey(writer, second, 'environment')).toBe('recorded');
      expect(await authentication.holderOf(first)).toBeUndefined();
      expect(await authentication.holderOf(second)).toBeDefined();
      expect(await recordBootstrapKey(writer, first, 'environment')).toBe('revoked');
      expect(await authentication.holderOf(first)).toBeUndefined();
      await expect(recordBootstrapKey(writer, 'short', 'environment')).rejects.toMatchObject({
        code: 'ERR_CONFIGURATION',
      });
    });
  });
});
