import { createHash } from 'node:crypto';
import pg from 'pg';
import type { DataSource } from 'typeorm';
import { manifestText } from '../../src/report/manifest.js';
import { Reports } from '../../src/report/reports.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { RecordedBank } from './recorded-bank.js';
import { auditor, inFile, openReader, runToText } from './report-run.js';

const march = { from: '2026-03-01T00:00:00Z', to: '2026-04-01T00:00:00Z', asKnownAt: '2026-04-01T00:00:00Z' };

describe('a run of a report', () => {
  let database: TestDatabase;
  let owner: pg.Client;
  let reader: DataSource;
  let reports: Reports;

  beforeAll(async () => {
    database = await createTestDatabase();
    await RecordedBank.record(database.url);
    owner = new pg.Client({ connectionString: database.url });
    await owner.connect();
    reader = await openReader(database.url);
    reports = new Reports(reader);
  });

  afterAll(async () => {
    await reader.destroy();
    await owner.end();
    await database.drop();
  });

  const lastQuestion = async () => {
    const { rows } = await owner.query(
      `SELECT q.kind, q.asked_by, q.case_id, q.database_role, q.subject_id, q.parameters, o.outcome, o.row_count, o.detail,
              (SELECT array_agg(u.user_id) FROM session_ledger.question_user u WHERE u.question_id = q.question_id) AS strangers
         FROM session_ledger.question q LEFT JOIN session_ledger.question_outcome o USING (question_id)
        ORDER BY question_id DESC LIMIT 1`,
    );
    return rows[0];
  };

  it('gives a file that its manifest vouches for: length, SHA-256, rows, and all parameters', async () => {
    const { manifest, text } = await runToText(reports, 'access-history', march);
    const [file] = manifest.files;
    expect(file).toMatchObject({
      bytes: Buffer.byteLength(text),
      sha256: createHash('sha256').update(text).digest('hex'),
      name: `access-history-${manifest.run.id}.csv`,
    });
    expect(text.split('\r\n')).toHaveLength(manifest.rowCount + 2);
    expect(manifest.parameters).toEqual({
      from: '2026-03-01T00:00:00.000000Z',
      to: '2026-04-01T00:00:00.000000Z',
      asKnownAt: '2026-04-01T00:00:00.000000Z',
      realm: 'default',
      userIds: null,
      applications: null,
    });
    expect(manifest.checkpoint).toBeNull();
    expect(manifest.knowledge.gaps).toHaveLength(1);
  });

  it('gives the same bytes again, whatever the ledger has learnt since', async () => {
    const state = { at: ['2026-03-05T13:00:00Z'], userIds: ['alice', 'mallory'], asKnownAt: march.asKnownAt };
    const runs = () =>
      Promise.all([
        runToText(reports, 'access-history', march, { format: 'ndjson' }),
        runToText(reports, 'login-state', state, { format: 'ndjson' }),
      ]);
    const before = await runs();
    await owner.query(
      `INSERT INTO session_ledger.event (kind, bucket, session_id, session_seq, occurred_at, recorded_at, reason, recorded_by)
       SELECT 'expired', bucket, session_id, session_seq + 1, expires_at, clock_timestamp(), 'idle', recorded_by
         FROM session_ledger.event WHERE kind = 'created' AND seq = 1015`,
    );
    // A longer lifetime would make older sessions worth looking at, and evidence of them.
    await owner.query(
      `INSERT INTO session_ledger.event (kind, bucket, occurred_at, application, detail, recorded_by)
       VALUES ('policy_set', 0, clock_timestamp(), 'web', '{"absoluteSeconds": 8640000}', 1)`,
    );
    const after = await runs();
    expect(after.map(({ text }) => text)).toEqual(before.map(({ text }) => text));
    expect(after.map(({ manifest }) => manifest.files[0]?.sha256)).toEqual(
      before.map(({ manifest }) => manifest.files[0]?.sha256),
    );
  });

  it('goes up to the horizon when nothing else is said, and never beyond it', async () => {
    const { rows } = await owner.query<{ h: string }>(
      'SELECT session_ledger.rfc3339(settled_at) AS h FROM session_ledger.horizon',
    );
    const horizon = rows[0]!.h;
    const { manifest } = await runToText(reports, 'revocations', { from: march.from });
    expect(manifest).toMatchObject({ asKnownAt: horizon, parameters: { to: horizon, asKnownAt: horizon } });
  });

  it.each([
    ['a time that has not come', { ...march, to: '2999-01-01T00:00:00Z' }, 'ERR_INSTANT_IN_FUTURE', 'parameters.to'],
    ['a time after asKnownAt', { ...march, to: '2026-04-02T00:00:00Z' }, 'ERR_NOT_SETTLED', 'parameters.to'],
    [
      'a time that ends before it begins',
      { ...march, to: '2026-02-01T00:00:00Z' },
      'ERR_RANGE_REVERSED',
      'parameters.to',
    ],
    ['no beginning', { to: march.to }, 'ERR_INVALID_INPUT', 'parameters.from'],
    [
      'an instant without an offset',
      { ...march, from: '2026-03-01T00:00:00' },
      'ERR_INVALID_INSTANT',
      'parameters.from',
    ],
    ['a number for an instant', { ...march, from: 1 }, 'ERR_INVALID_INPUT', 'parameters.from'],
    ['a parameter it does not have', { ...march, userID: 'alice' }, 'ERR_INVALID_INPUT', 'parameters.userID'],
    ['a user id that cannot be', { ...march, userIds: ['a\u0000b'] }, 'ERR_INVALID_USER_ID', 'parameters.userIds'],
    ['an empty list', { ...march, userIds: [] }, 'ERR_INVALID_INPUT', 'parameters.userIds'],
    ['a list without end', { ...march, userIds: Array(1001).fill('x') }, 'ERR_INVALID_INPUT', 'parameters.userIds'],
  ])('is refused for %s, and no question is on record', async (_, parameters, code, field) => {
    const before = await lastQuestion();
    await expect(runToText(reports, 'access-history', parameters)).rejects.toMatchObject({ code, field });
    expect(await lastQuestion()).toEqual(before);
  });

  it('keeps a bound key to its realm and applications', async () => {
    const asking = { ...auditor, realm: 'default', applications: ['mobile'] };
    const { manifest, text } = await runToText(reports, 'access-history', march, { asking });
    expect(manifest.parameters).toMatchObject({ realm: 'default', applications: ['mobile'] });
    expect(text).not.toContain(',web,');
    for (const wider of [{ applications: ['web'] }, { realm: 'other' }])
      await expect(runToText(reports, 'access-history', { ...march, ...wider }, { asking })).rejects.toMatchObject({
        code: 'ERR_FORBIDDEN',
      });
  });

  it('leaves its manifest with the question, without the text of a user id, and gives it back whole', async () => {
    const { manifest } = await runToText(reports, 'access-history', {
      ...march,
      userIds: ['zoe', 'alice', 'bob', 'alice'],
    });
    expect(manifest.parameters['userIds']).toEqual(['alice', 'bob', 'zoe']);
    const question = await lastQuestion();
    expect(JSON.stringify([question.parameters, question.detail])).not.toMatch(/alice|bob|zoe/);
    expect(question).toMatchObject({ outcome: 'answered', row_count: '3', strangers: ['zoe'] });
    expect(manifestText(await reports.manifest(manifest.run.id, auditor))).toBe(manifestText(manifest));
    await expect(reports.manifest(manifest.run.id, { ...auditor, applications: ['mobile'] })).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
    });
  });

  it('names the one user it is about in the question itself', async () => {
    await runToText(reports, 'login-state', { userIds: 'alice', at: march.from, asKnownAt: march.to });
    const { rows } = await owner.query("SELECT subject_id FROM session_ledger.subject WHERE user_id = 'alice'");
    expect(await lastQuestion()).toMatchObject({ subject_id: rows[0].subject_id, strangers: null });
  });

  describe('promise 11: asking is recorded too', () => {
    it('before the first row, and as failed when the statement fails', async () => {
      await owner.query('ALTER TABLE session_ledger.note RENAME TO note_away');
      try {
        await expect(runToText(reports, 'revocations', march)).rejects.toMatchObject({ code: 'ERR_DATABASE_BEHIND' });
      } finally {
        await owner.query('ALTER TABLE session_ledger.note_away RENAME TO note');
      }
      expect(await lastQuestion()).toMatchObject({
        kind: 'report',
        asked_by: 'the tests',
        case_id: 'AUDIT-7',
        database_role: 'postgres',
        parameters: { report: 'revocations', realm: 'default', from: '2026-03-01T00:00:00.000000Z' },
        outcome: 'failed',
        row_count: '0',
      });
    });

    it('as failed when the file grows beyond its limit', async () => {
      await expect(runToText(reports, 'access-history', march, { maxBytes: 500 })).rejects.toMatchObject({
        code: 'ERR_REPORT_TOO_LARGE',
      });
      expect(await lastQuestion()).toMatchObject({ outcome: 'failed' });
    });

    it('as abandoned when nobody waits for it any more, and its statement is cut', async () => {
      const nobody = new AbortController();
      await owner.query('BEGIN');
      await owner.query('LOCK TABLE session_ledger.note IN ACCESS EXCLUSIVE MODE');
      try {
        const run = inFile((file) =>
          reports.run(
            'revocations',
            { parameters: march, format: 'csv', file, maxBytes: 1e6, signal: nobody.signal },
            auditor,
          ),
        );
        setTimeout(() => nobody.abort(new Error('gone')), 200);
        await expect(run).rejects.toThrow('gone');
      } finally {
        await owner.query('ROLLBACK');
      }
      expect(await lastQuestion()).toMatchObject({ outcome: 'abandoned', row_count: '0' });
      await runToText(reports, 'revocations', march);
      expect(await lastQuestion()).toMatchObject({ outcome: 'answered', row_count: '2' });
    });
  });
});
