import { setTimeout as sleep } from 'node:timers/promises';
import { outcomeOf, setUpUses, type UsedLedger } from './used-ledger.js';

describe('a use that comes while another batch is under way', () => {
  let ledger: UsedLedger;

  beforeAll(async () => {
    ledger = await setUpUses();
  });

  afterAll(() => ledger.close());

  it('does not wait for one that takes its time: another writer carries it', async () => {
    const [slow, other] = [await ledger.openSession(), await ledger.openSession()];
    await ledger.admin.query(
      `CREATE FUNCTION public.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF NEW.session_id = '${slow.sessionId}' THEN PERFORM pg_sleep(3); END IF; RETURN NEW; END $$;
       CREATE TRIGGER dawdle BEFORE UPDATE ON session_ledger.session FOR EACH ROW EXECUTE FUNCTION public.dawdle()`,
    );
    const slowUse = outcomeOf(ledger.use(slow.token));
    await sleep(200);
    expect(await Promise.race([slowUse.then(() => 'the slow one first'), outcomeOf(ledger.use(other.token))])).toBe(
      'accepted',
    );
    expect(await slowUse).toBe('accepted');
  });
});
