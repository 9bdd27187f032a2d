import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrations } from '../../migrations/index.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { checkMigrations, migrate, rolesInForce } from '../../src/ledger/migrate.js';
import { createEmptyDatabase, type TestDatabase } from '../setup/database.js';

const names = migrations.map(({ name }) => name);

/** A superuser on a database, for one piece of work. */
async function asSuperuser<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

interface Login {
  url: string;
  name: string;
}

describe('migrating', () => {
  let database: TestDatabase;
  let prefix: string;
  const madeLogins: string[] = [];

  beforeEach(async () => {
    database = await createEmptyDatabase();
    prefix = `ledger_${randomBytes(4).toString('hex')}`;
  });

  // Roles belong to the cluster and outlive the database.
  afterEach(async () => {
    const url = new URL(database.url);
    url.pathname = '/postgres';
    await database.drop();
    await asSuperuser(url.toString(), async (client) => {
      const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles WHERE rolname LIKE $1', [
        `${prefix}%`,
      ]);
      for (const name of [...rows.map(({ rolname }) => rolname), ...madeLogins.splice(0)]) {
        await client.query(`DROP ROLE IF EXISTS ${name}`);
      }
    });
  });

  const makeLogin = async (attributes: string): Promise<Login> => {
    const name = `login_${randomBytes(4).toString('hex')}`;
    madeLogins.push(name);
    await asSuperuser(database.url, (client) =>
      client.query(
        `CREATE ROLE ${name} LOGIN PASSWORD 'secret' ${attributes}; GRANT CREATE ON DATABASE ${database.name} TO ${name}`,
      ),
    );
    const url = new URL(database.url);
    url.username = name;
    url.password = 'secret';
    return { url: url.toString(), name };
  };

  const eventKinds = async (): Promise<string[]> =>
    asSuperuser(database.url, async (client) => {
      const { rows } = await client.query<{ kind: string }>('SELECT kind FROM session_ledger.event ORDER BY seq');
      return rows.map(({ kind }) => kind);
    });

  it('brings an empty database to the schema, starts the ledger, and finds nothing to do the second time', async () => {
    expect(await checkMigrations({ url: database.url })).toEqual({ pending: names, unknown: [] });
    const first = await migrate({ url: database.url, rolePrefix: prefix });
    expect(first).toEqual({ applied: names, rolesMade: true, warnings: [] });
    expect(await migrate({ url: database.url, rolePrefix: prefix })).toEqual({
      applied: [],
      rolesMade: true,
      warnings: [],
    });
    expect(await checkMigrations({ url: database.url })).toEqual({ pending: [], unknown: [] });
    expect(await rolesInForce({ url: database.url, rolePrefix: prefix })).toBe(true);
    expect(await eventKinds()).toEqual(['ledger_started']);
  });

  it('starts the ledger of a database that an earlier run migrated and did not start', async () => {
    await migrate({ url: database.url, rolePrefix: prefix });
    await asSuperuser(database.url, (client) => client.query('DELETE FROM session_ledger.horizon'));
    expect(await checkMigrations({ url: database.url })).toEqual({ pending: ['ledger_started'], unknown: [] });
    expect(await migrate({ url: database.url, rolePrefix: prefix })).toMatchObject({ applied: ['ledger_started'] });
    expect(await checkMigrations({ url: database.url })).toEqual({ pending: [], unknown: [] });
  });

  it('leaves one result when twenty instances start at once', async () => {
    const runs = await Promise.all(
      Array.from({ length: 20 }, () => migrate({ url: database.url, rolePrefix: prefix })),
    );
    expect(runs.map(({ applied }) => applied.length).sort((a, b) => b - a)).toEqual([
      names.length,
      ...Array.from({ length: 19 }, () => 0),
    ]);
    expect(await eventKinds()).toEqual(['ledger_started']);
  }, 60_000);

  it('makes the roles once when several databases of one cluster are migrated at once', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => createEmptyDatabase()));
    const runs = await Promise.all([database, ...others].map(({ url }) => migrate({ url, rolePrefix: prefix })));
    expect(runs.map(({ rolesMade }) => rolesMade)).toEqual([true, true, true, true, true]);
    await Promise.all(others.map((other) => other.drop()));
  }, 60_000);

  it('refuses a database that a newer release has migrated, and names what it does not know', async () => {
    await migrate({ url: database.url, rolePrefix: prefix });
    await asSuperuser(database.url, (client) =>
      client.query(
        `INSERT INTO session_ledger.migration (timestamp, name) VALUES (1999999999999, 'Future1999999999999')`,
      ),
    );
    await expect(migrate({ url: database.url, rolePrefix: prefix })).rejects.toMatchObject({
      code: 'ERR_DATABASE_NEWER',
      message: expect.stringContaining('Future1999999999999'),
    });
    expect((await checkMigrations({ url: database.url })).unknown).toEqual(['Future1999999999999']);
  });

  it('needs no superuser: a login that may make roles will do, and can then serve', async () => {
    const login = await makeLogin('CREATEROLE');
    expect(await migrate({ url: login.url, rolePrefix: prefix })).toMatchObject({ rolesMade: true, warnings: [] });
    const writer = ledgerDataSource({
      url: login.url,
      role: 'writer',
      rolePrefix: prefix,
      poolSize: 1,
      applicationName: 'test',
    });
    await writer.initialize();
    await expect(writer.query(`DELETE FROM session_ledger.event`)).rejects.toMatchObject({ code: '42501' });
    const [row] = await writer.query('SELECT session_user AS login, current_user AS role');
    expect(row).toEqual({ login: login.name, role: `${prefix}_writer` });
    await writer.destroy();
  });

  it('lets a second login serve that may neither migrate nor act as the owner', async () => {
    const service = await makeLogin('');
    await migrate({ url: database.url, rolePrefix: prefix, serviceLogin: service.name });
    expect(await checkMigrations({ url: service.url })).toEqual({ pending: [], unknown: [] });
    const writer = ledgerDataSource({
      url: service.url,
      role: 'writer',
      rolePrefix: prefix,
      poolSize: 1,
      applicationName: 'test',
    });
    await writer.initialize();
    await expect(writer.query(`SET ROLE ${prefix}_owner`)).rejects.toMatchObject({ code: '42501' });
    await writer.destroy();
    await expect(migrate({ url: service.url, rolePrefix: prefix })).rejects.toMatchObject({
      code: 'ERR_ROLES_FORBIDDEN',
    });
  });

  it('goes on with triggers alone where making roles is forbidden, and says so', async () => {
    const login = await makeLogin('');
    const run = await migrate({ url: login.url, rolePrefix: prefix });
    expect(run).toMatchObject({ applied: names, rolesMade: false });
    expect(run.warnings).toEqual([expect.stringContaining(`CREATE ROLE ${prefix}_owner NOLOGIN`)]);
    expect(await rolesInForce({ url: login.url, rolePrefix: prefix })).toBe(false);
    const plain = ledgerDataSource({ url: login.url, role: 'none', poolSize: 1, applicationName: 'test' });
    await plain.initialize();
    await expect(plain.query('DELETE FROM session_ledger.event')).rejects.toMatchObject({ code: '42501' });
    await plain.destroy();
    const again = await migrate({ url: login.url, rolePrefix: prefix });
    expect(again).toMatchObject({
      applied: [],
      rolesMade: false,
      warnings: [expect.stringContaining('only triggers')],
    });
  });

  it('leaves a ledger without roles as it is when a superuser migrates it later', async () => {
    const login = await makeLogin('');
    await migrate({ url: login.url, rolePrefix: prefix });
    expect(await migrate({ url: database.url, rolePrefix: prefix })).toMatchObject({ applied: [], rolesMade: false });
  });

  it('says what to grant when the login may not make the schema', async () => {
    const login = await makeLogin('CREATEROLE');
    await asSuperuser(database.url, (client) =>
      client.query(`REVOKE CREATE ON DATABASE ${database.name} FROM ${login.name}`),
    );
    await expect(migrate({ url: login.url, rolePrefix: prefix })).rejects.toMatchObject({
      code: 'ERR_ROLES_FORBIDDEN',
      message: expect.stringContaining('GRANT CREATE ON DATABASE'),
    });
  });

  it('refuses another role prefix than the one the ledger was made with', async () => {
    await migrate({ url: database.url, rolePrefix: prefix });
    await expect(migrate({ url: database.url, rolePrefix: `${prefix}_x` })).rejects.toMatchObject({
      code: 'ERR_CONFIGURATION',
      message: expect.stringContaining(prefix),
    });
    await expect(migrate({ url: database.url, rolePrefix: 'Bad-Prefix' })).rejects.toMatchObject({
      field: 'rolePrefix',
    });
  });

  it('leaves nothing behind when a migration fails half way', async () => {
    await asSuperuser(database.url, (client) =>
      client.query(`
        CREATE FUNCTION public.fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF EXISTS (SELECT 1 FROM pg_proc WHERE proname = 'last_event_at') THEN RAISE EXCEPTION 'planted'; END IF;
        END $$;
        CREATE EVENT TRIGGER planted ON ddl_command_end EXECUTE FUNCTION public.fail()`),
    );
    await expect(migrate({ url: database.url, rolePrefix: prefix })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    await asSuperuser(database.url, (client) => client.query('DROP EVENT TRIGGER planted'));
    expect(await checkMigrations({ url: database.url })).toMatchObject({ pending: names });
    expect(await migrate({ url: database.url, rolePrefix: prefix })).toMatchObject({ applied: names });
  });

  it('needs UTF-8, since user ids are any Unicode', async () => {
    const ascii = `${database.name}_ascii`;
    await asSuperuser(database.url, (client) =>
      client.query(`CREATE DATABASE ${ascii} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'`),
    );
    const url = new URL(database.url);
    url.pathname = `/${ascii}`;
    await expect(migrate({ url: url.toString() })).rejects.toMatchObject({ code: 'ERR_CONFIGURATION' });
    await asSuperuser(database.url, (client) => client.query(`DROP DATABASE ${ascii}`));
  });

  it('says that the database cannot be reached, and keeps the password to itself', async () => {
    const unreachable = migrate({ url: 'postgres://someone:topsecret@127.0.0.1:1/nowhere' });
    await expect(unreachable).rejects.toMatchObject({
      code: 'ERR_LEDGER_UNAVAILABLE',
      message: expect.not.stringContaining('topsecret'),
    });
    await expect(migrate({ url: 'topsecret' })).rejects.toMatchObject({
      message: expect.not.stringContaining('topsecret'),
    });
  });
});
