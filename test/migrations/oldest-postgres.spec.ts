import { existsSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { migrate } from '../../src/ledger/migrate.js';
import { advanceHorizon, openSession, recordSubject, revokeSession, useSession } from '../ledger/session-writer.js';
import { startCluster, type Cluster } from '../setup/cluster.js';

// Where Debian and Ubuntu install it (apt-get install postgresql-15).
const programs = '/usr/lib/postgresql/15/bin';
const installed = existsSync(path.join(programs, 'initdb'));

/** The oldest PostgreSQL the ledger runs on, whose rules for roles differ from those of 16 and later. */
(installed ? describe : describe.skip)('on PostgreSQL 15', () => {
  let cluster: Cluster;
  let login: string;

  beforeAll(async () => {
    cluster = await startCluster({
      initdb: path.join(programs, 'initdb'),
      postgres: path.join(programs, 'postgres'),
    });
    const client = new pg.Client({ connectionString: cluster.url });
    await client.connect();
    await client.query(`CREATE ROLE bank LOGIN CREATEROLE PASSWORD 'secret'`);
    await client.query('CREATE DATABASE bank OWNER bank');
    await client.end();
    const url = new URL(cluster.url);
    [url.username, url.password, url.pathname] = ['bank', 'secret', '/bank'];
    login = url.toString();
  }, 60_000);

  afterAll(() => cluster.stop());

  it('a login that may make roles migrates, and the ledger records and refuses as on later versions', async () => {
    expect(await migrate({ url: login })).toMatchObject({ rolesMade: true, warnings: [] });
    expect(await migrate({ url: login })).toMatchObject({ applied: [], rolesMade: true });
    const writer = await ledgerDataSource({
      url: login,
      role: 'writer',
      poolSize: 2,
      applicationName: 'test',
    }).initialize();
    await writer.query(`INSERT INTO session_ledger.recorder (name) VALUES ('test')`);
    await writer.query(`SELECT session_ledger.set_policy('web', '{"absoluteSeconds": 86400}', 1)`);
    const sessionId = await openSession(writer, await recordSubject(writer, 'alice'));
    await useSession(writer, sessionId);
    expect(await revokeSession(writer, sessionId)).toBe(1);
    expect(await advanceHorizon(writer)).not.toBeNull();
    for (const change of [
      'UPDATE session_ledger.event SET reason = NULL',
      'DELETE FROM session_ledger.event',
      'TRUNCATE session_ledger.event',
    ]) {
      await expect(writer.query(change)).rejects.toMatchObject({ code: '42501' });
    }
    const kinds = await writer.query('SELECT kind FROM session_ledger.event ORDER BY seq');
    expect(kinds.map(({ kind }: { kind: string }) => kind)).toEqual([
      'ledger_started',
      'policy_set',
      'application_recorded',
      'created',
      'used',
      'revoked',
    ]);
    await writer.destroy();
  });
});
