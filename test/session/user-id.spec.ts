import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

describe('user ids', () => {
  let ledger: SessionsLedger;

  beforeAll(async () => {
    ledger = await setUpSessions();
  });

  afterAll(() => ledger.close());

  test.each([
    ['an e-mail address', 'alice@example.org'],
    ['slashes and dots', '../../etc/passwd'],
    ['quotes and SQL', `'; DROP TABLE session_ledger.event; --`],
    ['percent signs and question marks', '%00?x=1#y'],
    ['an emoji of several code points', '👩‍👩‍👧‍👦'],
    ['right-to-left text', 'משתמש‎ مستخدم'],
    ['spaces around it', '  alice  '],
    ['255 characters outside the basic plane, as PostgreSQL counts them', '😀'.repeat(255)],
    ['one character', 'x'],
    ['a backslash', 'DOMAIN\\alice'],
  ])('may be %s, kept byte for byte', async (_, userId) => {
    const { token, session } = await ledger.sessions.open({ userId });

    const [stored] = await ledger.rows<{ bytes: Buffer }>(
      `SELECT convert_to(user_id, 'UTF8') AS bytes FROM session_ledger.subject WHERE subject_id = $1`,
      [session.subjectId],
    );
    expect(stored!.bytes.equals(Buffer.from(userId))).toBe(true);
    expect(await ledger.sessions.use(token)).toMatchObject({ session: { userId } });
    expect(await ledger.sessions.revokeSessions(userId, { reason: 'admin' })).toEqual({ revoked: 1 });
  });

  test.each([
    ['nothing', ''],
    ['256 characters', 'a'.repeat(256)],
    ['256 characters outside the basic plane', '😀'.repeat(256)],
    ['NUL', 'a\0b'],
    ['a line feed', 'alice\n'],
    ['an escape character', '\u001b[31malice'],
    ['a C1 control character', 'a\u0085b'],
    ['DEL', 'a\u007f'],
    ['a lone surrogate', 'a\ud800'],
    ['a number', 7],
    ['null', null],
    ['an object', { toString: (): string => 'alice' }],
  ])('must not be %s', async (_, userId) => {
    const asked = userId as string;
    const expected = { code: 'ERR_INVALID_USER_ID', field: 'userId' };
    expect(await refusalOf(ledger.sessions.open({ userId: asked }))).toMatchObject(expected);
    expect(await refusalOf(ledger.sessions.revokeSessions(asked, { reason: 'admin' }))).toMatchObject(expected);
  });

  test('that Unicode calls equal but that are spelled differently are two users', async () => {
    const composed = await ledger.sessions.open({ userId: 'Zo\u00eb' });
    const decomposed = await ledger.sessions.open({ userId: 'Zoe\u0308' });
    const lowerCase = await ledger.sessions.open({ userId: 'zo\u00eb' });

    expect(new Set([composed, decomposed, lowerCase].map(({ session }) => session.subjectId)).size).toBe(3);
  });

  test('of actors, and names of realms and applications, keep the same rules', async () => {
    const userId = 'alice';
    expect(await refusalOf(ledger.sessions.open({ userId, actor: { userId: '' } }))).toMatchObject({
      code: 'ERR_INVALID_USER_ID',
      field: 'actor.userId',
    });
    expect(await refusalOf(ledger.sessions.open({ userId, realm: 'a\tb' }))).toMatchObject({
      code: 'ERR_INVALID_INPUT',
      field: 'realm',
    });
    expect(await refusalOf(ledger.sessions.open({ userId, application: '' }))).toMatchObject({
      code: 'ERR_INVALID_INPUT',
      field: 'application',
    });
  });
});
