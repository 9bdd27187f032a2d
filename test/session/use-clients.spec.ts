import { presentTo, setUpUses, withWrongSecret, type UsedLedger } from './used-ledger.js';

describe('the clients a session is used from', () => {
  let ledger: UsedLedger;

  beforeAll(async () => {
    ledger = await setUpUses();
  });

  afterAll(() => ledger.close());

  test('a client is introduced once per session, by the accepted use that showed it, with its commitment on the ledger', async () => {
    const session = await ledger.openSession();
    const from = { ip: '203.0.113.7', userAgent: 'Mozilla "5.0" \\ (x)\n' };

    await Promise.all([
      ledger.use(session.token, from),
      ledger.use(session.token, from),
      ledger.use(withWrongSecret(session), { ip: '198.51.100.1' }),
    ]);
    await ledger.use(session.token, from);
    await ledger.use(session.token, { ip: '2001:db8::1' });

    const { rows: clients } = await ledger.admin.query(
      `SELECT client_id::text, host(ip) AS ip, user_agent, encode(commitment, 'hex') AS commitment,
              commitment = sha256(salt || convert_to(CASE WHEN user_agent IS NULL THEN '{"ip":"2001:db8::1","userAgent":null}'
                ELSE '{"ip":"203.0.113.7","userAgent":' || to_json(user_agent)::text || '}' END, 'UTF8')) AS opens
         FROM session_ledger.client WHERE session_id = $1 ORDER BY client_id`,
      [session.sessionId],
    );
    expect(clients).toEqual([
      {
        client_id: expect.any(String),
        ip: '203.0.113.7',
        user_agent: from.userAgent,
        commitment: expect.any(String),
        opens: true,
      },
      {
        client_id: expect.any(String),
        ip: '2001:db8::1',
        user_agent: null,
        commitment: expect.any(String),
        opens: true,
      },
    ]);
    const events = (await ledger.eventsOf(session.sessionId)).slice(1);
    expect(events.map((event) => event.client_id)).toEqual([
      clients[0].client_id,
      clients[0].client_id,
      clients[0].client_id,
      clients[1].client_id,
    ]);
    expect(events.map((event) => event.detail)).toEqual([
      { clientCommitment: clients[0].commitment },
      null,
      null,
      { clientCommitment: clients[1].commitment },
    ]);
  });

  test('two instances that meet the same new client at the same moment introduce it once', async () => {
    const other = await ledger.anotherInstance();
    for (let round = 0; round < 30; round++) {
      const session = await ledger.openSession();
      const from = { ip: '203.0.113.9', userAgent: `agent ${round}` };

      const results = await Promise.all([
        ledger.use(session.token, from),
        presentTo(other.batches, session.token, from),
      ]);

      expect(results.every((result) => result.active)).toBe(true);
      const events = (await ledger.eventsOf(session.sessionId)).slice(1);
      expect(new Set(events.map((event) => event.client_id)).size).toBe(1);
      expect(events.filter((event) => event.detail !== null)).toHaveLength(1);
    }
  });
});
