import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { parseInstant, type Instant } from '../../src/ledger/instant.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { subjectCommitment } from '../../src/ledger/subject-commitment.js';
import type { Evidence } from '../../src/query/evidence.js';
import { foundations } from '../../src/query/rests-on.js';
import { loginStates, type LoginStateFound, type PointQuestion } from '../../src/query/login-states.js';
import { sessionSummaries } from '../../src/query/session-summaries.js';
import { sessionsAt } from '../../src/query/sessions-at.js';
import { checkpointOver } from '../../src/seal/checkpoint-over.js';
import { sealStanding } from '../../src/seal/proof-of-rows.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

/** A year of months; of 20,300 users 300 have 20 sessions with 10 uses in each of three months. */
const yearSql = `
SET timezone = 'UTC';
SELECT session_ledger.create_partition_table('event_' || to_char(month, 'YYYY_MM')),
       session_ledger.attach_partition('event_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month')
  FROM generate_series(timestamptz '2025-01-01Z', '2025-12-01Z', interval '1 month') month;
INSERT INTO session_ledger.recorder (name) VALUES ('test');
INSERT INTO session_ledger.event (bucket, kind, occurred_at, recorded_at, application, detail, recorded_by)
VALUES (0, 'application_recorded', '2025-01-01Z', '2025-01-01Z', 'web', NULL, 1), (0, 'policy_set', '2025-01-01Z', '2025-01-01Z', 'web', '{"absoluteSeconds": 43200}', 1);
INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
SELECT gen_random_uuid(), s.realm, s.user_id, s.salt, decode(${subjectCommitment('s')}, 'hex')
  FROM (SELECT 'default' AS realm, 'user-' || n AS user_id, decode(md5(n::text), 'hex') AS salt FROM generate_series(1, 20300) n) s;
INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, recorded_at, expires_at, subject_id, application, absolute_expires_at,
                                  idle_seconds, secret_digest, recorded_by)
SELECT get_byte(uuid_send(o.id), 15) & 63, o.id, use, CASE use WHEN 1 THEN 'created' ELSE 'used' END, t.at, t.at, t.at + interval '15 minutes',
       CASE use WHEN 1 THEN o.subject_id END, CASE use WHEN 1 THEN 'web' END, CASE use WHEN 1 THEN t.at + interval '12 hours' END,
       CASE use WHEN 1 THEN 900 END, CASE use WHEN 1 THEN sha256('any') END, 1
  FROM (SELECT s.subject_id, month + session * interval '1 day' + n * interval '1 minute' AS at,
               (left(md5(n || ' ' || month || ' ' || session), 30) || right(s.subject_id::text, 2))::uuid AS id
          FROM (SELECT subject_id, n FROM generate_series(1, 300) n JOIN session_ledger.subject ON user_id = 'user-' || n) s,
               unnest(ARRAY[timestamptz '2025-03-01Z', '2025-06-01Z', '2025-09-01Z']) month, generate_series(1, 20) session) o,
       generate_series(1, 11) use, LATERAL (SELECT o.at + (use - 1) * interval '5 minutes' AS at) t
 ORDER BY t.at;
INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, recorded_at, expires_at, subject_id, application, absolute_expires_at,
                                  idle_seconds, secret_digest, recorded_by)
SELECT get_byte(uuid_send(o.id), 15) & 63, o.id, use, CASE use WHEN 1 THEN 'created' ELSE 'used' END, t.at, t.at, t.at + interval '15 minutes',
       CASE use WHEN 1 THEN o.subject_id END, CASE use WHEN 1 THEN 'web' END, CASE use WHEN 1 THEN t.at + interval '12 hours' END,
       CASE use WHEN 1 THEN 900 END, CASE use WHEN 1 THEN sha256('any') END, 1
  FROM (SELECT s.subject_id, timestamptz '2025-10-01Z' AS at, ('0199a000-0000-7000-8000-0000000000' || right(s.subject_id::text, 2))::uuid AS id
          FROM session_ledger.subject s WHERE s.user_id = 'user-20300') o,
       generate_series(1, 20000) use, LATERAL (SELECT o.at + (use - 1) * interval '2 seconds' AS at) t
 ORDER BY t.at;
INSERT INTO session_ledger.seal_key (vkey, origin, first_size) VALUES ('key', 'log', 0);
INSERT INTO session_ledger.tree_head (size, prev_size, root, last_seq) SELECT 1, 0, sha256('root'), max(seq) FROM session_ledger.event;
INSERT INTO session_ledger.published_checkpoint (origin, size, note) VALUES ('log', 1, 'note');
ANALYZE session_ledger.event, session_ledger.subject`;

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Loops': number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: PlanNode[];
}

describe('the statement behind every answer about an instant', () => {
  let database: TestDatabase;
  let reader: DataSource;

  beforeAll(async () => {
    database = await createTestDatabase();
    const writer = await ledgerDataSource({
      url: database.url,
      role: 'none',
      poolSize: 1,
      applicationName: 'test',
    }).initialize();
    await writer.query(yearSql);
    await writer.destroy();
    // One connection: what is prepared on it can be explained on it.
    reader = await ledgerDataSource({
      url: database.url,
      role: 'reader',
      poolSize: 1,
      applicationName: 'test',
    }).initialize();
  }, 60_000);

  afterAll(async () => {
    await reader.destroy();
    await database.drop();
  });

  const questions = (instants: string[]): PointQuestion[] =>
    instants.map((at, nth) => ({
      realm: 'default',
      userId: `user-${nth + 1}`,
      at: parseInstant(at),
      longestSeconds: 43_200,
    }));
  const ask = (asked: PointQuestion[]) => loginStates(reader, asked, { knownAt: null, applications: null });

  /** How the statement that `ask` has prepared is run for these questions: the nodes that did something. */
  const runFor = async (asked: PointQuestion[]): Promise<{ nodes: PlanNode[]; buffers: number }> => {
    const array = (texts: (string | number)[], type: string): string =>
      `ARRAY[${texts.map((text) => `'${text}'`).join()}]::${type}[]`;
    const values = [
      array(
        asked.map(({ realm }) => realm),
        'text',
      ),
      array(
        asked.map(({ userId }) => userId),
        'text',
      ),
      array(
        asked.map(({ at }) => at),
        'timestamptz',
      ),
      array(
        asked.map(({ longestSeconds }) => longestSeconds),
        'bigint',
      ),
      `'infinity'`,
      'NULL',
      'true',
      `'${asked.map(({ at }) => at).sort()[0]}'`,
      `'${asked
        .map(({ at }) => at)
        .sort()
        .at(-1)}'`,
      String(Math.max(...asked.map(({ longestSeconds }) => longestSeconds))),
    ];
    return explained(`login_states(${values.join()})`);
  };

  let nth = 0;
  const explained = async (call: string): Promise<{ nodes: PlanNode[]; buffers: number }> => {
    const rows = await queryRows<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(reader, {
      name: `explain_${(nth += 1)}`,
      text: `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE ${call}`,
      values: [],
    });
    const plan = rows[0]!['QUERY PLAN'][0].Plan;
    const all = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(all)];
    return {
      nodes: all(plan).filter((node) => node['Actual Loops'] > 0 && node['Relation Name'] !== undefined),
      buffers: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    };
  };

  const partitionsIn = (nodes: PlanNode[]): string[] =>
    [...new Set(nodes.map((node) => node['Relation Name']!))].filter((name) => name.startsWith('event_')).sort();

  it('answers', async () => {
    const found = await ask(questions(['2025-06-05T00:04:00Z', '2025-06-05T23:00:00Z']));
    expect(found.map(({ candidates }) => candidates.map(({ isLive }) => isLive))).toEqual([[true], []]);
  });

  it('looks at the partition of the instant alone, through the two indexes made for it', async () => {
    const { nodes, buffers } = await runFor(questions(['2025-06-05T00:04:00Z']));
    expect(partitionsIn(nodes)).toEqual(['event_2025_06']);
    const indexes = nodes.map((node) => node['Index Name'] ?? node['Node Type']);
    expect(indexes.sort()).toEqual([
      'event_2025_06_bucket_subject_id_occurred_at_idx',
      'event_2025_06_session_id_occurred_at_session_seq_idx',
      'subject_realm_user_id_key',
    ]);
    expect(buffers).toBeLessThan(20);
  });

  it('looks at the month before as well just after it has changed', async () => {
    const { nodes } = await runFor(questions(['2025-07-01T06:00:00Z', '2025-07-01T06:00:00Z']));
    expect(partitionsIn(nodes)).toEqual(['event_2025_06', 'event_2025_07']);
  });

  it('opens no month but those of the question, and none for what only other questions need', async () => {
    const { nodes } = await runFor(questions(['2025-07-01T06:00:00Z']));
    expect(partitionsIn(nodes)).toEqual(['event_2025_06', 'event_2025_07']);
  });

  it('looks, for a question alone behind which no session stands, for whose row it is in the first month of the user', async () => {
    await ask(questions(['2025-07-01T06:00:00Z']));
    const [user] = await queryRows<{ id: string }>(reader, {
      name: 'test_subject',
      text: `SELECT subject_id AS id FROM session_ledger.subject WHERE user_id = 'user-1'`,
      values: [],
    });
    const { nodes, buffers } = await explained(`misattributed_openings('{${user!.id}}', 'infinity')`);
    const full = nodes.filter((node) => node['Relation Name'] === 'event_2025_03');
    expect(full.map((node) => node['Node Type'])).toEqual(['Index Scan']);
    expect(partitionsIn(nodes)).not.toContain('event_2025_04');
    expect(buffers).toBeLessThan(20);
  });

  it('finds what opened a session among the openings of its user, however often it was used', async () => {
    const [busy] = await queryRows<{ id: string; at: Instant }>(reader, {
      name: 'test_busy',
      text: `SELECT session_id AS id, max(occurred_at) AS at FROM session_ledger.event WHERE session_seq > 3000 GROUP BY session_id`,
      values: [],
    });
    await sessionSummaries(reader, [busy!.id], null, busy!.at);
    await sessionsAt(reader, [busy!.id], busy!.at, null);
    const summary = await explained(`session_summaries('{${busy!.id}}', 'infinity', '${busy!.at}', '${busy!.id}')`);
    const then = await explained(`sessions_at('{${busy!.id}}', '${busy!.at}', 'infinity', '${busy!.id}')`);
    for (const { buffers } of [summary, then]) expect(buffers).toBeLessThan(100);
  });

  it('looks, for many questions, at the partitions of their instants', async () => {
    const { nodes, buffers } = await runFor(
      questions(['2025-03-05T00:04:00Z', '2025-06-05T00:04:00Z', '2025-09-05T00:04:00Z']),
    );
    expect(partitionsIn(nodes)).toEqual(['event_2025_03', 'event_2025_06', 'event_2025_09']);
    expect(nodes.every((node) => node['Node Type'] === 'Index Scan')).toBe(true);
    expect(buffers).toBeLessThan(60);
  });

  const plansOf = async (name: string): Promise<{ generic: number; custom: number }> => {
    const prepared = await queryRows<{ generic: number; custom: number }>(reader, {
      name: `test_prepared_${name}`,
      text: `SELECT generic_plans AS generic, custom_plans AS custom FROM pg_prepared_statements WHERE name = '${name}'`,
      values: [],
    });
    return prepared[0]!;
  };

  it('compares a row with its seal by looking it up, not its block, nor its month', async () => {
    const [{ candidates }] = (await ask(questions(['2025-06-05T00:04:00Z']))) as [LoginStateFound];
    const [created] = foundations(candidates[0]!) as [Evidence];
    for (let times = 0; times < 8; times += 1) await sealStanding(reader, [created]);
    const { seq, kind, sessionId, occurredAt, recordedAt } = created;
    const values = `'{${seq}}', '{${kind}}', '{${sessionId}}', '{"${occurredAt}"}', '{"${recordedAt}"}'`;
    const { nodes, buffers } = await explained(`sealed_rows_of_sessions(${values})`);
    const ofEvents = nodes.filter((node) => node['Relation Name']!.startsWith('event'));
    expect(ofEvents.map((node) => [node['Relation Name'], node['Index Name']])).toEqual([
      ['event_2025_06', 'event_2025_06_session_id_occurred_at_session_seq_idx'],
    ]);
    expect(buffers).toBeLessThan(20);
    expect(await plansOf('sealed_rows_of_sessions')).toMatchObject({ custom: 0 });
  });

  it('finds out whether all up to an instant is sealed by one opening behind it, and plans that once', async () => {
    for (let times = 0; times < 12; times += 1)
      await checkpointOver(reader, [], times % 2 === 0 ? parseInstant('2025-06-05T00:04:00Z') : null);
    const { nodes, buffers } = await explained(`checkpoint_over(0, '2025-06-05T00:04:00Z')`);
    const ofEvents = nodes.filter((node) => node['Relation Name']!.startsWith('event'));
    expect(ofEvents.every((node) => node['Index Name']?.endsWith('occurred_at_seq_idx'))).toBe(true);
    expect(buffers).toBeLessThan(60);
    expect(await plansOf('checkpoint_over')).toMatchObject({ custom: 0 });
  });

  it('is planned once, and not anew for each question', async () => {
    for (let nth = 0; nth < 10; nth += 1) await ask(questions([`2025-06-0${(nth % 9) + 1}T00:04:00Z`]));
    const { generic, custom } = await plansOf('login_states');
    expect(custom).toBe(0);
    expect(generic).toBeGreaterThan(10);
  });
});
