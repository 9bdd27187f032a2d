import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '../../src/ledger/migrate.js';
import { OwnServer } from '../bad-days/own-server.js';
import { sessionLedger } from './command.js';

jest.setTimeout(90_000);

describe('asking on a replica', () => {
  let primary: OwnServer;
  let standby: OwnServer;
  let at: string;

  beforeAll(async () => {
    primary = await OwnServer.start();
    await migrate({ url: primary.url });
    await primary.stop();
    standby = await primary.copy({ primary_conninfo: `${primary.conninfo} application_name=standby` });
    await primary.resume();
    const signal = path.join(standby.data, 'standby.signal');
    writeFileSync(signal, '');
    standby.belongsToServer(signal);
    await standby.resume();
    await primary.query(`SELECT session_ledger.record_application('web', 1)`);
    const [settled] = await primary.query('SELECT session_ledger.rfc3339(session_ledger.advance_horizon()) AS at');
    at = settled!['at'] as string;
    const isThere = `SELECT settled_at >= '${at}' AS there FROM session_ledger.horizon`;
    while (!(await standby.query(isThere))[0]!['there']) await sleep(20);
  });

  afterAll(async () => {
    await standby.remove();
    await primary.remove();
  });

  it('gives the answer of the replica, and leaves the question on record where it can be written', async () => {
    const words = ['was-logged-in', 'alice', '--at', at, '--database-url', standby.url, '--case', 'replica'];
    expect(await sessionLedger([...words, '--recorder-url', primary.url])).toMatchObject({ code: 10, err: '' });
    const asked = await primary.query(
      `SELECT q.kind, o.outcome FROM session_ledger.question q JOIN session_ledger.question_outcome o USING (question_id) WHERE case_id = 'replica'`,
    );
    expect(asked).toEqual([{ kind: 'login_state_at', outcome: 'answered' }]);
    const variables = { DATABASE_URL: standby.url, SESSION_LEDGER_RECORDER_URL: primary.url };
    expect(await sessionLedger(['was-logged-in', 'alice', '--at', at], variables)).toMatchObject({ code: 10 });
  });

  it('is refused where it could not be recorded', async () => {
    const words = ['was-logged-in', 'alice', '--at', at, '--database-url', standby.url];
    const refused = await sessionLedger(words, { SESSION_LEDGER_RECORDER_URL: primary.url });
    expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('ERR_LEDGER_UNAVAILABLE') });
  });
});
