import fc from 'fast-check';
import pg from 'pg';
import { commit, isCommitted } from '../../src/ledger/commitment.js';
import { subjectCommitment } from '../../src/ledger/subject-commitment.js';
import { checkedUserId } from '../../src/ledger/user-id.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

const awkward = [
  'alice',
  '"alice"',
  'a\\b\\u0041',
  "o'hara",
  '</script>/',
  '\u00ad\u200b\u200d\u2028\u2029\ufeff',
  '\ufffd\uffff',
  '\u00e9 e\u0301 \u1e9b\u0323',
  '\u{1f469}\u200d\u{1f680} \u{10ffff}',
  '\ud7ff\ue000',
  '{"realm":"default"}',
  '\u05d0\u202e\u0661',
];
const isUserId = (text: string): boolean => {
  try {
    return checkedUserId(text) === text;
  } catch {
    return false;
  }
};
const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter(isUserId);

describe('what a row of a user comes to in SQL', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  const inSql = async (users: { realm: string; userId: string; salt: Buffer }[]): Promise<(string | null)[]> => {
    const { rows } = await client.query<{ commitment: string | null }>(
      `SELECT ${subjectCommitment('s')} AS commitment FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS s(realm, user_id, salt, n) ORDER BY n`,
      [users.map(({ realm }) => realm), users.map(({ userId }) => userId), users.map(({ salt }) => salt)],
    );
    return rows.map(({ commitment }) => commitment);
  };

  it('is what was committed to when the user was recorded, whatever a name may hold', async () => {
    const names = [...awkward, ...fc.sample(name, 3_000)];
    // DEL is no character of a user id, and no reason for a difference.
    const values = [...names, '\u007f'].map((userId, nth) => ({ realm: names[(nth * 7) % names.length]!, userId }));
    const users = values.map((value) => ({ ...value, ...commit(value) }));
    const found = await inSql(users);
    const differing = users.filter(({ commitment }, nth) => commitment.toString('hex') !== found[nth]);
    expect(differing).toEqual([]);
    const [{ realm, userId, salt, commitment }] = users as [(typeof users)[number]];
    expect(isCommitted({ realm, userId }, { salt, commitment })).toBe(true);
  });

  it('differs for another user, another realm and another salt', async () => {
    const salt = Buffer.alloc(16);
    const user = { realm: 'default', userId: 'alice', salt };
    const found = await inSql([
      user,
      { ...user, userId: 'alicf' },
      { ...user, realm: 'staff' },
      { ...user, salt: Buffer.alloc(16, 1) },
    ]);
    expect(new Set(found).size).toBe(4);
  });
});
