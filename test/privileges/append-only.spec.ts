import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { openSession, recordSubject, superuserOf, writerOf } from '../ledger/session-writer.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

const insufficientPrivilege = '42501';
const insertSql = (table: string, columns: string, values: string): string =>
  `INSERT INTO session_ledger.${table} (kind, bucket, occurred_at, recorded_by${columns}) VALUES ('gap', 0, clock_timestamp(), 1${values})`;

describe('promise 2: append-only by privilege', () => {
  let database: TestDatabase;
  let superuser: DataSource;
  let writer: DataSource;
  let reader: DataSource;
  let tables: string[];

  beforeAll(async () => {
    database = await createTestDatabase();
    writer = await writerOf(database);
    superuser = await superuserOf(database);
    reader = await ledgerDataSource({
      url: database.url,
      role: 'reader',
      poolSize: 1,
      applicationName: 'test',
    }).initialize();
    await openSession(writer, await recordSubject(writer, 'alice'));
    tables = ['event', ...(await partitionsOf(superuser))];
  });

  afterAll(async () => {
    await Promise.all([writer.destroy(), reader.destroy(), superuser.destroy()]);
    await database.drop();
  });

  const stateOf = async (dataSource: DataSource, statement: string): Promise<string> => {
    const outcome = await dataSource.query(statement).then(
      () => 'done',
      (failure: Error & { code?: string }) => failure.code ?? failure.message,
    );
    return outcome;
  };

  const changesOf = (table: string): string[] => [
    `UPDATE session_ledger.${table} SET reason = 'x'`,
    `DELETE FROM session_ledger.${table}`,
    `TRUNCATE session_ledger.${table}`,
  ];

  it('has partitions to keep: this month, three more and the default', () => {
    expect(tables).toHaveLength(6);
    expect(tables).toContain('event_default');
  });

  it.each(['writer', 'reader', 'sealer'])(
    'the %s may change and remove nothing, on the ledger or any partition',
    async (role) => {
      const outcomes: Record<string, string> = {};
      await superuser.transaction(async (manager) => {
        for (const statement of tables.flatMap(changesOf)) {
          await manager.query('SAVEPOINT before');
          await manager.query(`SET LOCAL ROLE session_ledger_${role}`);
          outcomes[statement] = await manager.query(statement).then(
            () => 'done',
            (failure: Error & { code?: string }) => failure.code ?? failure.message,
          );
          await manager.query('ROLLBACK TO before');
        }
      });
      expect(Object.keys(outcomes)).toHaveLength(18);
      expect(new Set(Object.values(outcomes))).toEqual(new Set([insufficientPrivilege]));
    },
  );

  it('the owner and a superuser are stopped by triggers, on the ledger and each partition that holds rows', async () => {
    const filled = await partitionsWithRows(superuser);
    expect(filled.length).toBeGreaterThan(0);
    for (const role of ['session_ledger_owner', 'postgres']) {
      for (const table of ['event', ...filled]) {
        for (const statement of changesOf(table)) {
          const outcome = await stateOf(superuser, `SET ROLE ${role}; ${statement}`);
          expect([role, statement, outcome]).toEqual([role, statement, insufficientPrivilege]);
        }
      }
      for (const table of tables) {
        expect(await stateOf(superuser, `SET ROLE ${role}; TRUNCATE session_ledger.${table}`)).toBe(
          insufficientPrivilege,
        );
      }
    }
    await superuser.query('RESET ROLE');
  });

  it('switching replication triggers off does not switch these off', async () => {
    for (const statement of changesOf('event')) {
      const outcome = await stateOf(superuser, `BEGIN; SET LOCAL session_replication_role = replica; ${statement}`);
      await superuser.query('ROLLBACK');
      expect(outcome).toBe(insufficientPrivilege);
    }
  });

  it.each([
    ['its place', ', seq', ', 7'],
    ['its recording time', ', recorded_at', ", '2020-01-01Z'"],
  ])('the writer may insert an event, but not say %s', async (_, columns, values) => {
    expect(await stateOf(writer, insertSql('event', '', ''))).toBe('done');
    expect(await stateOf(writer, insertSql('event', columns, values))).toBe(insufficientPrivilege);
    expect(await stateOf(writer, `${insertSql('event', '', '')} RETURNING seq`)).toBe('done');
    for (const partition of tables.slice(1)) {
      expect(await stateOf(writer, insertSql(partition, '', ''))).toBe(insufficientPrivilege);
    }
  });

  it('the writer may override the place of an event not even on request', async () => {
    const overriding = insertSql('event', ', seq', ', 7').replace(' VALUES', ' OVERRIDING SYSTEM VALUE VALUES');
    expect(await stateOf(writer, overriding)).toBe(insufficientPrivilege);
  });

  it('the reader may ask and record questions, and write nothing else', async () => {
    const question = `INSERT INTO session_ledger.question (asked_by, kind, parameters) VALUES ('fay', 'login_state_at', '{}')`;
    expect(await stateOf(reader, 'SELECT * FROM session_ledger.event')).toBe('done');
    expect(await stateOf(reader, question)).toBe('done');
    expect(await stateOf(reader, insertSql('event', '', ''))).toBe(insufficientPrivilege);
    expect(await stateOf(reader, `UPDATE session_ledger.session SET ended_at = now()`)).toBe(insufficientPrivilege);
    expect(await stateOf(reader, 'SELECT * FROM session_ledger.api_key')).toBe(insufficientPrivilege);
  });

  it('the sealer sees the ledger, and nothing that may be erased', async () => {
    const sealer = await ledgerDataSource({
      url: database.url,
      role: 'none',
      poolSize: 1,
      applicationName: 'test',
    }).initialize();
    await sealer.query('SET ROLE session_ledger_sealer');
    expect(await stateOf(sealer, 'SELECT * FROM session_ledger.event')).toBe('done');
    for (const table of ['subject', 'client', 'note', 'session', 'question', 'question_user', 'api_key']) {
      expect([table, await stateOf(sealer, `SELECT * FROM session_ledger.${table}`)]).toEqual([
        table,
        insufficientPrivilege,
      ]);
    }
    await sealer.destroy();
  });

  it('the writer changes of a session what a use changes, and never its secret, its user or its opening', async () => {
    for (const column of ['secret_digest', 'subject_id', 'created_at', 'absolute_expires_at', 'amr', 'session_id']) {
      const statement = `UPDATE session_ledger.session SET ${column} = ${column}`;
      expect([column, await stateOf(writer, statement)]).toEqual([column, insufficientPrivilege]);
    }
    expect(await stateOf(writer, 'UPDATE session_ledger.session SET last_used_at = last_used_at')).toBe('done');
    expect(await stateOf(writer, 'DELETE FROM session_ledger.session')).toBe(insufficientPrivilege);
  });

  it('no function of the ledger is for everybody, and each that acts as the owner has a pinned search path', async () => {
    const rows = await queryRows<{ name: string; open: boolean; unpinned: boolean }>(superuser, {
      name: 'test_functions',
      text: `SELECT p.proname AS name, has_function_privilege('public', p.oid, 'EXECUTE') AS open,
                    p.prosecdef AND NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false) AS unpinned
               FROM pg_proc p WHERE p.pronamespace = 'session_ledger'::regnamespace`,
      values: [],
    });
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter(({ open, unpinned }) => open || unpinned)).toEqual([]);
  });

  it('an event without what its kind needs is refused, even where a comparison comes out null', async () => {
    const bare = `INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, recorded_by)
                  VALUES ('used', 0, '00000000-0000-7000-8000-000000000000', 2, clock_timestamp(), 1)`;
    expect(await stateOf(writer, bare)).toBe('23514');
    const orphan = `INSERT INTO session_ledger.event (kind, bucket, session_seq, occurred_at, expires_at, recorded_by)
                    VALUES ('used', 0, 2, clock_timestamp(), clock_timestamp() + interval '1 hour', 1)`;
    expect(await stateOf(writer, orphan)).toBe('23514');
  });
});

async function partitionsOf(dataSource: DataSource): Promise<string[]> {
  const rows = await queryRows<{ name: string }>(dataSource, {
    name: 'test_partitions',
    text: `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'session_ledger.event'::regclass ORDER BY 1`,
    values: [],
  });
  return rows.map(({ name }) => name);
}

async function partitionsWithRows(dataSource: DataSource): Promise<string[]> {
  const rows = await queryRows<{ name: string }>(dataSource, {
    name: 'test_filled',
    text: `SELECT DISTINCT c.relname AS name FROM session_ledger.event e JOIN pg_class c ON c.oid = e.tableoid`,
    values: [],
  });
  return rows.map(({ name }) => name);
}
