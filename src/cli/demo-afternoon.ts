import { databaseNow } from './demo-clock.js';
import { browserOfBash, DemoCustomer } from './demo-customer.js';
import type { DemoService } from './demo-service.js';
import { expectShown, type DemoTranscript } from './demo-transcript.js';

// The demo users of examples/bank, whose README prints their passwords.
const passwords = { alice: 'correct horse battery', bob: 'staple lamp river', carol: 'violin orange window' };

/** Instants of the afternoon to ask about, by the database's clock. */
export interface Moments {
  readonly everybodyIn: string;
  readonly bobLocked: string;
}

/** An afternoon of the bank's customers; an answer that is not the one expected ends it. */
export async function spendAfternoon(bank: string, service: DemoService, transcript: DemoTranscript): Promise<Moments> {
  const [desk, phone] = [new DemoCustomer(bank, 'desk'), new DemoCustomer(bank, 'phone')];
  const [library, branch] = [new DemoCustomer(bank, 'library'), new DemoCustomer(bank, 'branch')];
  const click = async (who: DemoCustomer, expected: RegExp, path: string, form?: Record<string, string>) => {
    const { status, location } = await who.click(path, form);
    const shown = `${status} ${location === null ? '' : new URL(location, bank).href}`.trim();
    await transcript.command(who.inBash(path, form), shown);
    expectShown(who.inBash(path, form), shown.replace(bank, ''), expected);
  };
  const logIn = (who: DemoCustomer, userId: keyof typeof passwords, expected = /^303 \/account$/) =>
    click(who, expected, '/login', { userId, password: passwords[userId] });

  await transcript.about('The bank of examples/bank, through a browser for each place: status, and where it sends on.');
  await transcript.command(`BANK=${bank}`);
  await transcript.command(browserOfBash);

  await transcript.about('Without the password nobody gets in. Alice logs in at her desk and on her phone.');
  await click(phone, /^303 \/login$/, '/account');
  await click(phone, /^401$/, '/login', { userId: 'alice', password: '123456' });
  await logIn(desk, 'alice');
  await logIn(phone, 'alice');
  await logIn(library, 'bob');

  await transcript.about('Pages count as uses; the polling of a page is recorded too, but keeps nobody logged in.');
  await click(desk, /^200$/, '/account');
  await click(desk, /^200$/, '/account/balance');
  await click(desk, /^303 \/account$/, '/transfer', { to: 'bob', cents: '2500' });
  const everybodyIn = await databaseNow(service);

  await transcript.about('Alice logs out everywhere else: her phone is out at its next request, her desk is not.');
  await click(desk, /^303 \/account$/, '/logout-elsewhere', {});
  await click(phone, /^303 \/login$/, '/account');
  await click(desk, /^200$/, '/account');

  await transcript.about('Carol, a manager, locks the account of Bob: he is out, and stays out.');
  await logIn(branch, 'carol');
  await click(branch, /^303 \/admin$/, '/admin/bob/lock', {});
  await click(library, /^303 \/login$/, '/account');
  await logIn(library, 'bob', /^401$/);
  const bobLocked = await databaseNow(service);

  await transcript.about('Alice logs out.');
  await click(desk, /^303 \/login$/, '/logout', {});
  return { everybodyIn, bobLocked };
}
