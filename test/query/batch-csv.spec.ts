import { parse } from 'csv-parse/sync';
import { ann, askBank, inPieces, joined, type AskedBank } from './asked-bank.js';

const at = '2026-03-04T02:14:00Z';
const own = 'login_answer,login_reason,login_settled,login_session_ids,login_evidence_seqs,login_error';

describe('a list in CSV', () => {
  let bank: AskedBank;

  beforeAll(async () => {
    bank = await askBank();
  });

  afterAll(() => bank.close());

  const answered = (csv: string | Buffer, options = {}, pieceSize = 7): Promise<string> =>
    joined(bank.history.answerCsv(inPieces(csv, pieceSize), ann, options));
  const verdicts = async (csv: string, options = {}) =>
    parse<Record<string, string>>(await answered(csv, options), { columns: true, bom: true }).map(
      ({ login_answer, login_reason, login_error }) =>
        login_error || [login_answer, login_reason].filter(Boolean).join(' '),
    );

  it('comes back in its order, each row with its answer', async () => {
    const rows = [
      `alice,${at}`,
      `bob,2026-03-03T22:20:00Z`,
      `nobody,${at}`,
      `alice,2025-01-01T00:00:00Z`,
      `carol,${at}`,
    ];
    expect(await verdicts(`userId,at\n${rows.join('\n')}\n`)).toEqual([
      'logged_in',
      'logged_in',
      'not_logged_in no_such_user',
      'unknown before_ledger',
      'not_logged_in',
    ]);
  });

  it('comes back with its own text unchanged: quotes, line breaks within fields, CRLF, byte order mark, order of columns', async () => {
    const rows = [
      `"Müller, Hans",${at},alice,"=1+1"`,
      `"says ""hi""\r\nand leaves",${at},bob,`,
      `"  spaces  ",${at},"=2+5",@SUM(A1)`,
    ];
    const csv = await answered(`\uFEFFname,at,userId,"a ""note"""\r\n${rows.join('\r\n')}`);
    const [header, ...lines] = csv.split(/\r\n(?!and leaves)/);
    expect(header).toBe(`\uFEFFname,at,userId,"a ""note""",${own}`);
    expect(lines.pop()).toBe('');
    expect(lines).toHaveLength(3);
    lines.forEach((line, index) => expect(line.startsWith(`${rows[index]},`)).toBe(true));
    expect(lines[0]).toMatch(/,logged_in,,true,[0-9a-f-]{36},\d+ \d+,$/);
    expect(lines[2]).toMatch(/,not_logged_in,,true,,,$/);
  });

  it.each([
    ['CRLF and goes on in LF', '\r\n', '\n'],
    ['LF and goes on in CRLF', '\n', '\r\n'],
  ])('loses no row when it begins in %s, as a list put together of two does', async (_, first, then) => {
    const rows = [`1,alice,${at}`, `2,nobody,${at}`, `3,"al""ice",${at}`];
    for (const pieceSize of [1, 7, 4096]) {
      const csv = await answered(`n,userId,at${first}${rows.join(then)}${then}`, {}, pieceSize);
      const lines = csv.split(first);
      expect(lines.map((line) => line.split(',')[0])).toEqual(['n', '1', '2', '3', '']);
      rows.forEach((row, index) => expect(lines[index + 1]!.startsWith(`${row},`)).toBe(true));
      expect(lines.slice(1, 4).map((line) => line.split(',')[3])).toEqual([
        'logged_in',
        'not_logged_in',
        'not_logged_in',
      ]);
    }
  });

  it('is refused when its lines end in CR alone, instead of being taken for a header', async () => {
    await expect(answered(`userId,at\ralice,${at}\r`)).rejects.toMatchObject({
      code: 'ERR_INVALID_INPUT',
      message: expect.stringMatching(/CRLF or LF/),
    });
  });

  it('is answered from one ledger: what is recorded while it is answered counts for none of its rows', async () => {
    const now = `SELECT session_ledger.rfc3339(session_ledger.ledger_clock() - interval '1 second') AS at`;
    const [asked] = await bank.rows<{ at: string }>(now);
    async function* list() {
      for (let row = 0; row < 10_000; row += 1) {
        if (row === 8_000) await openSessionAt(asked!.at);
        yield { userId: 'help-desk', at: asked!.at };
      }
    }
    const answers = new Set<string>();
    for await (const { answer } of bank.history.answerBatch(list(), ann)) answers.add(JSON.stringify(answer));
    expect([...answers].map((answer) => JSON.parse(answer) as object)).toMatchObject([
      { answer: 'not_logged_in', reason: null },
    ]);
    expect((await bank.history.loginStateAt({ userId: 'help-desk', at: asked!.at }, ann)).answer).toBe('logged_in');
  });

  /** As only a superuser can: dated back, and recorded now. */
  const openSessionAt = (instant: string): Promise<unknown> =>
    bank.superuser.query(
      `INSERT INTO session_ledger.event (bucket, session_id, session_seq, kind, occurred_at, expires_at, subject_id, application,
                                         absolute_expires_at, secret_digest, recorded_by)
       SELECT get_byte(uuid_send(subject_id), 15) & 63, subject_id, 1, 'created', $1, $1::timestamptz + interval '1 minute', subject_id, 'web',
              $1::timestamptz + interval '1 hour', sha256('any'), 1 FROM session_ledger.subject WHERE user_id = 'help-desk'`,
      [instant],
    );

  it('gives a bad row its error in its own place, and goes on with the rest', async () => {
    const rows = [
      `alice,${at},x`,
      'alice,yesterday,x',
      'alice,2999-01-01T00:00:00Z,x',
      `,${at},x`,
      `alice,${at}`,
      `alice,${at},x,y`,
      `a\u0007b,${at},x`,
      'alice,2026-10-25T02:30:00[Europe/Berlin],x',
      '',
      `alice,${at},x`,
    ];
    const csv = await answered(`userId,at,note\n${rows.join('\n')}\n`);
    expect(await verdicts(`userId,at,note\n${rows.join('\n')}\n`)).toEqual([
      'logged_in',
      'ERR_INVALID_INSTANT',
      'ERR_INSTANT_IN_FUTURE',
      'ERR_INVALID_USER_ID',
      'ERR_INVALID_INPUT',
      'ERR_INVALID_INPUT',
      'ERR_INVALID_USER_ID',
      'ERR_AMBIGUOUS_LOCAL_TIME',
      'logged_in',
    ]);
    expect(csv.split('\n')[5]).toBe(`alice,${at},,,,,,,ERR_INVALID_INPUT`);
    expect(csv.split('\n')[6]).toBe(`alice,${at},x,,,,,,ERR_INVALID_INPUT`);
  });

  it('takes realm and zone from its columns, or for the whole list', async () => {
    const rows = ['alice,2026-03-04T03:14:00,,Europe/Berlin', `alice,${at},staff,`, 'alice,2026-03-04T02:14:00,,'];
    const csv = `userId,at,realm,zone\n${rows.join('\n')}\n`;
    expect(await verdicts(csv)).toEqual(['logged_in', 'not_logged_in no_such_user', 'ERR_INVALID_INSTANT']);
    expect(await verdicts(csv, { zone: 'UTC' })).toEqual(['logged_in', 'not_logged_in no_such_user', 'logged_in']);
    expect(await verdicts(csv, { realm: 'staff', zone: 'UTC' })).toEqual(Array(3).fill('not_logged_in no_such_user'));
    expect(await verdicts(csv, { zone: 'UTC', application: 'mobile' })).toEqual([
      'not_logged_in',
      'not_logged_in no_such_user',
      'not_logged_in',
    ]);
    const bounded = joined(
      bank.history.answerCsv(inPieces(csv), { askedBy: 'ben', realm: 'default' }, { zone: 'UTC' }),
    );
    expect(await bounded).toContain(`alice,${at},staff,,,,,,,ERR_FORBIDDEN`);
  });

  it('may answer from what the ledger said then', async () => {
    const csv = 'userId,at\nbob,2026-03-06T00:30:00Z\n';
    expect(await verdicts(csv)).toEqual(['unknown gap']);
    expect(await verdicts(csv, { knownAt: '2026-03-06T00:45:00Z' })).toEqual(['not_logged_in']);
    await expect(answered(csv, { knownAt: '2999-01-01T00:00:00Z' })).rejects.toMatchObject({ code: 'ERR_NOT_SETTLED' });
  });

  it('keeps its order over many chunks', async () => {
    const users = ['alice', 'nobody', 'bob', 'carol', 'mallory'];
    const rows = Array.from({ length: 9_000 }, (_, nth) => `${nth},${users[nth % users.length]},${at}`);
    const lines = (await answered(`nth,userId,at\n${rows.join('\n')}\n`, {}, 65_536)).trim().split('\n').slice(1);
    expect(lines).toHaveLength(9_000);
    lines.forEach((line, nth) => {
      expect(line.startsWith(`${rows[nth]},${nth % users.length === 0 ? 'logged_in' : 'not_logged_in'},`)).toBe(true);
    });
  });

  it('with a header and nothing else comes back with a header and nothing else', async () => {
    expect(await answered('userId,at')).toBe(`userId,at,${own}\n`);
  });

  it.each([
    ['without a header', '', 'ERR_INVALID_INPUT', 'no header'],
    ['without the column at', 'userId,when\nalice,x\n', 'ERR_INVALID_INPUT', 'lacks the column at'],
    ['with semicolons', `userId;at\nalice;${at}\n`, 'ERR_INVALID_INPUT', 'separated by commas'],
    ['with two columns userId', `userId,at,userId\nalice,${at},bob\n`, 'ERR_INVALID_INPUT', 'two columns userId'],
    ['with a column that is ours', `userId,at,login_error\nalice,${at},x\n`, 'ERR_COLUMN_COLLISION', 'login_error'],
    ['with a quote left open', `userId,at\n"alice,${at}\nbob,${at}\n`, 'ERR_INVALID_INPUT', 'quote'],
    ['that is not UTF-8', Buffer.from(`userId,at\nM\u00fcller,${at}\n`, 'latin1'), 'ERR_INVALID_INPUT', 'UTF-8'],
  ])('%s is refused before its first byte', async (_, csv, code, says) => {
    const refusal = bank.history.answerCsv(inPieces(csv), ann).next();
    await expect(refusal).rejects.toMatchObject({ code, message: expect.stringContaining(says) as string });
  });

  it('breaks off, and does not end politely, when it turns bad after its first byte', async () => {
    const good = `userId,at\n${`alice,${at}\n`.repeat(5_000)}`;
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const piece of bank.history.answerCsv(inPieces(`${good}"open`, 65_536), ann)) pieces.push(piece);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_INVALID_INPUT' });
    expect(pieces.length).toBeGreaterThan(0);
  });

  it('is read no further ahead than its reader takes, so that its length costs no memory', async () => {
    let bytesRead = 0;
    const line = Buffer.from(`alice,${at}\n`);
    async function* endless() {
      yield Buffer.from('userId,at\n');
      for (;;) {
        bytesRead += line.length * 1_000;
        yield Buffer.concat(Array.from({ length: 1_000 }, () => line));
      }
    }
    const answers = bank.history.answerCsv(endless(), ann);
    let bytesAnswered = 0;
    for (let piece = 0; piece < 10; piece += 1) {
      bytesAnswered += ((await answers.next()).value as string).length;
      expect(bytesRead - line.length * 1_000 * (piece + 1)).toBeLessThan(line.length * 10_000);
    }
    expect(bytesAnswered).toBeGreaterThan(line.length * 20_000);
    await answers.return();
  });
});
