import { ann, askBank, inPieces, joined, type AskedBank } from './asked-bank.js';

const at = '2026-03-04T02:14:00Z';
const yes =
  /"loginState":\{"answer":"logged_in","reason":null,"settled":true,"sessionIds":\["[0-9a-f-]{36}"\],"evidenceSeqs":\[\d+,\d+\]\}\}$/;

describe('a list in NDJSON', () => {
  let bank: AskedBank;

  beforeAll(async () => {
    bank = await askBank();
  });

  afterAll(() => bank.close());

  const answered = async (ndjson: string, options = {}): Promise<string[]> =>
    (await joined(bank.history.answerNdjson(inPieces(ndjson), ann, options))).split('\n');
  const loginStates = async (lines: string[]) => {
    const answers = await answered(lines.join('\n'));
    expect(answers.pop()).toBe('');
    return answers.map((line) => {
      const { loginState } = JSON.parse(line) as { loginState: { error?: string; answer?: string } };
      return loginState.error ?? loginState.answer;
    });
  };

  it('comes back in its order, each line with its own text and the answer added', async () => {
    const lines = [
      `{"userId":"alice","at":"${at}","amount":1.0,"id":12345678901234567890,"name":"M\\u00fcller"}`,
      `  { "at" : "${at}" , "userId" : "alice", "nested": {"userId": "bob", "list": [1, {"at": 2}]} }  `,
      `{"userId":"alice","at":"${at}","text":"} \\" , { 👩‍💻"}\r`,
    ];
    const out = await answered(`${lines.join('\n')}\n\n`);
    expect(out).toHaveLength(4);
    lines.forEach((line, index) => {
      expect(out[index]!.startsWith(line.trim().slice(0, -1).trimEnd())).toBe(true);
      expect(out[index]).toMatch(yes);
      expect(JSON.parse(out[index]!)).toMatchObject(JSON.parse(line) as object);
    });
  });

  it('gives a bad line its error in its own place, and goes on with the rest', async () => {
    expect(
      await loginStates([
        `{"userId":"alice","at":"${at}"}`,
        'alice',
        '[]',
        'null',
        '{}',
        '{"userId":"alice"}',
        `{"userId":17,"at":"${at}"}`,
        `{"userId":"alice","at":1772590440000}`,
        `{"userId":"alice","at":"${at}","zone":5}`,
        `{"userId":"alice","userId":"bob","at":"${at}"}`,
        `{"userId":"alice","\\u0075serId":"bob","at":"${at}"}`,
        `{"userId":"alice","at":"${at}","loginState":1}`,
        `{"userId":"alice","at":"${at}","realm":null}`,
      ]),
    ).toEqual([
      'logged_in',
      'ERR_INVALID_INPUT',
      'ERR_INVALID_INPUT',
      'ERR_INVALID_INPUT',
      'ERR_INVALID_USER_ID',
      'ERR_INVALID_INSTANT',
      'ERR_INVALID_USER_ID',
      'ERR_INVALID_INSTANT',
      'ERR_INVALID_INPUT',
      'ERR_INVALID_INPUT',
      'ERR_INVALID_INPUT',
      'ERR_COLUMN_COLLISION',
      'logged_in',
    ]);
  });

  it('takes realm and zone from its members, or for the whole list', async () => {
    const line = '{"userId":"alice","at":"2026-03-04T03:14:00"}';
    expect((await answered(line, { zone: 'Europe/Berlin' }))[0]).toMatch(yes);
    expect((await answered('{"userId":"alice","at":"2026-03-04T03:14:00","zone":"Europe/Berlin"}'))[0]).toMatch(yes);
    expect((await answered(line, { zone: 'Europe/Berlin', realm: 'staff' }))[0]).toContain('no_such_user');
  });

  it('that has a loginState in its first line is refused before the first byte', async () => {
    const refusal = bank.history.answerNdjson(inPieces('{"loginState":1}\n'), ann).next();
    await expect(refusal).rejects.toMatchObject({ code: 'ERR_COLUMN_COLLISION' });
  });

  it('with a line without end is refused', async () => {
    const endless = bank.history.answerNdjson(inPieces(`{"userId":"${'a'.repeat(1_100_000)}`, 65_536), ann).next();
    await expect(endless).rejects.toMatchObject({ code: 'ERR_INVALID_INPUT' });
  });

  it('that is empty comes back empty, and was asked all the same', async () => {
    expect(await joined(bank.history.answerNdjson(inPieces(''), { askedBy: 'ann', caseId: 'empty' }))).toBe('');
    expect(
      await bank.rows(
        `SELECT o.outcome, o.row_count::integer FROM session_ledger.question q JOIN session_ledger.question_outcome o USING (question_id) WHERE case_id = 'empty'`,
      ),
    ).toEqual([{ outcome: 'answered', row_count: 0 }]);
  });
});
