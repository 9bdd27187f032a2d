import { isCommitted } from '../../src/ledger/commitment.js';
import { canonicalClient } from '../../src/session/client.js';
import { refusalOf, setUpSessions, type SessionsLedger } from './sessions-ledger.js';

describe('the client of a session', () => {
  let ledger: SessionsLedger;

  beforeAll(async () => {
    ledger = await setUpSessions();
  });

  afterAll(() => ledger.close());

  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:CB00:7107', '203.0.113.7'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
    ['::', '::'],
    ['::1.2.3.4', '::1.2.3.4'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('at %s is recorded at %s, and its commitment opens with what PostgreSQL prints', async (ip, spelled) => {
    const { session } = await ledger.sessions.open({ userId: 'alice', client: { ip } });

    const [row] = await ledger.rows<{ ip: string; salt: Buffer; commitment: Buffer }>(
      `SELECT host(ip) AS ip, salt, commitment FROM session_ledger.client WHERE session_id = $1`,
      [session.sessionId],
    );

    expect(row!.ip).toBe(spelled);
    expect(isCommitted({ ip: row!.ip, userAgent: null }, row!)).toBe(true);
  });

  test.each([
    '1.2.3',
    '1',
    '0x7f.1',
    '010.1.1.1',
    '203.0.113.7/24',
    '203.0.113.256',
    'localhost',
    '::1::',
    '1.2.3.4, 5.6.7.8',
    '%eth0',
  ])('is refused at %s, which is no address', async (ip) => {
    expect(await refusalOf(ledger.sessions.open({ userId: 'alice', client: { ip } }))).toMatchObject({
      code: 'ERR_INVALID_INPUT',
      field: 'client.ip',
    });
  });

  test('has its agent kept as seen, but cut at 512 characters and without NUL', () => {
    const agentOf = (userAgent: string): string | null | undefined => canonicalClient({ userAgent })?.userAgent;

    expect(agentOf('a\0b\tc\u001b')).toBe('ab\tc\u001b');
    expect(agentOf('😀'.repeat(600))).toBe('😀'.repeat(512));
    expect(agentOf('lone \ud800 surrogate')).toBe('lone \ufffd surrogate');
    expect(canonicalClient({ userAgent: '\0' })).toBeUndefined();
    expect(canonicalClient({})).toBeUndefined();
  });

  test('is recorded once per session, address and agent, by whichever event shows it first', async () => {
    const home = { ip: '192.0.2.1', userAgent: 'agent' };
    const { token, session } = await ledger.sessions.open({ userId: 'bob', client: home });
    await ledger.sessions.use(token, { client: { ip: '192.0.2.2', userAgent: 'agent' } });
    await ledger.sessions.use(token, { client: home });
    await ledger.sessions.revokeToken(token, { reason: 'logout', client: home });

    const events = await ledger.eventsOf(session.sessionId);

    expect(new Set(events.map(({ clientId }) => clientId)).size).toBe(2);
    expect(events.map(({ detail }) => detail?.['clientCommitment'] !== undefined)).toEqual([true, true, false, false]);
    expect(events[3]!.clientId).toBe(events[0]!.clientId);
  });
});
