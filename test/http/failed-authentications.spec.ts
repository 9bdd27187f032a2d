import { FailedAuthentications } from '../../src/http/failed-authentications.js';
import { clientOf } from './client.js';
import { startTestService } from './running-service.js';

/** Whether an address is held up after 20 failures of another one. */
function isHeldUpBy(other: string, address: string): boolean {
  const failures = new FailedAuthentications();
  for (let failure = 0; failure < 20; failure += 1) failures.count(other);
  return failures.count(address) !== undefined;
}

describe('failed authentications', () => {
  it('are counted to twenty a minute, and then answered with the seconds to wait', () => {
    const failures = new FailedAuthentications();
    const waits = Array.from({ length: 21 }, () => failures.count('203.0.113.7'));
    expect(waits.slice(0, 20)).toEqual(Array(20).fill(undefined));
    expect(waits[20]).toBeGreaterThan(50);
    expect(waits[20]).toBeLessThanOrEqual(60);
  });

  it.each([
    ['203.0.113.7', '203.0.113.7', true],
    ['203.0.113.7', '203.0.113.8', false],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', true],
    ['2001:db8:1:2::1', '2001:0db8:0001:0002::2', true],
    ['2001:DB8:1:2::1', '2001:db8:1:2::2', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['2001:db8::1', '2001:db8::2:0:0:0:1', false],
    ['2001:db8::1', '2001:db8::2:0:0:1', true],
    ['unknown', 'unknown', true],
    ['2001:db8::1', '2001:db8:0:1::1', false],
    ['fe80::1%eth0', 'fe80::2%eth0', true],
    ['::ffff:203.0.113.7', '203.0.113.7', true],
    ['::ffff:203.0.113.7', '::ffff:203.0.113.8', false],
    ['::1', '::2', true],
  ])('of %s hold up %s: %s, since an IPv6 customer holds a /64', (other, address, isHeldUp) => {
    expect(isHeldUpBy(other, address)).toBe(isHeldUp);
  });

  it('are those of the address that a trusted proxy gives, and of no other’s word', async () => {
    const service = await startTestService();
    const trusting = await service.another({
      SESSION_LEDGER_FORWARDED_HEADER: 'x-forwarded-for',
      SESSION_LEDGER_TRUSTED_PROXIES: '127.0.0.1',
    });
    const statuses = async (address: string, forwardedFor: (attempt: number) => string): Promise<number[]> => {
      const told = [];
      for (let attempt = 0; attempt < 25; attempt += 1) {
        const headers = { 'x-forwarded-for': forwardedFor(attempt) };
        told.push((await clientOf(address, 'w'.repeat(50)).get('/v1/logged-in', headers)).status);
      }
      return told;
    };
    const held = [...Array<number>(20).fill(401), ...Array<number>(5).fill(429)];
    expect(await statuses(trusting.address, () => '198.51.100.1')).toEqual(held);
    expect(await statuses(trusting.address, (attempt) => `198.51.100.${attempt + 2}`)).toEqual(Array(25).fill(401));
    // What the client itself wrote stands left of what the proxy added.
    expect(await statuses(trusting.address, (attempt) => `10.0.0.${attempt}, 198.51.100.99`)).toEqual(held);
    expect(await statuses(service.address, (attempt) => `198.51.100.${attempt}`)).toEqual(held);
    await trusting.stop();
    await service.stop();
  });
});
