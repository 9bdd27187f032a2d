import type { IncomingHttpHeaders } from 'node:http';
import { resolveGuardOptions, type GuardSettings } from '../../src/guard/guard-options.js';
import { requestClient } from '../../src/guard/request-client.js';

interface Case {
  says: string;
  peer: string | undefined;
  header?: string;
  proxies?: string[];
  headers: IncomingHttpHeaders;
  ip: string | undefined;
}

const loadBalancer = ['10.0.0.0/8', '2001:db8:ffff::/48'];
const forwardedFor = (value: string): IncomingHttpHeaders => ({ 'x-forwarded-for': value });
const forwarded = (value: string): IncomingHttpHeaders => ({ forwarded: value });

const peers: Case[] = [
  { says: 'the peer of the connection', peer: '203.0.113.7', headers: {}, ip: '203.0.113.7' },
  { says: 'an IPv6 peer without its zone', peer: 'fe80::1%eth0', headers: {}, ip: 'fe80::1' },
  { says: 'nothing behind a Unix socket', peer: undefined, headers: {}, ip: undefined },
  {
    says: 'the peer, whatever it claims, when no proxy is trusted',
    peer: '203.0.113.7',
    headers: forwardedFor('198.51.100.1'),
    ip: '203.0.113.7',
  },
];

const forwardedForCases: Case[] = [
  {
    says: 'an untrusted peer itself, not what it writes',
    peer: '203.0.113.7',
    headers: forwardedFor('198.51.100.1'),
    ip: '203.0.113.7',
  },
  { says: 'a trusted peer that names nobody', peer: '10.0.0.1', headers: {}, ip: '10.0.0.1' },
  { says: 'the hop a trusted peer names', peer: '10.0.0.1', headers: forwardedFor('203.0.113.7'), ip: '203.0.113.7' },
  {
    says: 'the hop a trusted IPv4-mapped peer names',
    peer: '::ffff:10.0.0.1',
    headers: forwardedFor('203.0.113.7'),
    ip: '203.0.113.7',
  },
  {
    says: 'the rightmost untrusted hop, not the spoofed left',
    peer: '10.0.0.1',
    headers: forwardedFor('198.51.100.1, 203.0.113.7'),
    ip: '203.0.113.7',
  },
  {
    says: 'the hop behind several trusted ones',
    peer: '10.0.0.1',
    headers: forwardedFor('6.6.6.6, 203.0.113.7, 10.9.9.9, 2001:db8:ffff::2'),
    ip: '203.0.113.7',
  },
  {
    says: 'the farthest hop when all are trusted',
    peer: '10.0.0.1',
    headers: forwardedFor('10.1.1.1, 10.2.2.2'),
    ip: '10.1.1.1',
  },
  {
    says: 'an IPv4 hop without its port',
    peer: '10.0.0.1',
    headers: forwardedFor('203.0.113.7:49152'),
    ip: '203.0.113.7',
  },
  {
    says: 'an IPv6 hop without brackets, port and zone',
    peer: '10.0.0.1',
    headers: forwardedFor('[2001:db8::7%wlan0]:49152'),
    ip: '2001:db8::7',
  },
  { says: 'a bare IPv6 hop', peer: '10.0.0.1', headers: forwardedFor('2001:db8::7'), ip: '2001:db8::7' },
  {
    says: 'nobody for a hop that is garbage',
    peer: '10.0.0.1',
    headers: forwardedFor('203.0.113.7, <script>'),
    ip: undefined,
  },
  { says: 'nobody for an octal address', peer: '10.0.0.1', headers: forwardedFor('0177.0.0.1'), ip: undefined },
  { says: 'nobody for an empty hop', peer: '10.0.0.1', headers: forwardedFor('203.0.113.7,'), ip: undefined },
  { says: 'nobody for an empty header', peer: '10.0.0.1', headers: forwardedFor(''), ip: undefined },
  {
    says: 'the hop, although another forwarding header is there',
    peer: '10.0.0.1',
    headers: { ...forwardedFor('203.0.113.7'), ...forwarded('for=6.6.6.6'), 'x-real-ip': '6.6.6.6' },
    ip: '203.0.113.7',
  },
];

const rfc7239Cases: Case[] = [
  {
    says: 'one element',
    peer: '10.0.0.1',
    headers: forwarded('for=203.0.113.7;proto=https;by=10.0.0.1'),
    ip: '203.0.113.7',
  },
  {
    says: 'a quoted IPv6 address with port, any case',
    peer: '10.0.0.1',
    headers: forwarded('Proto=https; FOR="[2001:db8:cafe::17]:4711"'),
    ip: '2001:db8:cafe::17',
  },
  {
    says: 'the rightmost untrusted of several elements',
    peer: '10.0.0.1',
    headers: forwarded('for=6.6.6.6, for=203.0.113.7, for=10.3.3.3'),
    ip: '203.0.113.7',
  },
  {
    says: 'the right end, although an unclosed quote stands left of it',
    peer: '10.0.0.1',
    headers: forwarded('for="6.6.6.6, for=203.0.113.7'),
    ip: '203.0.113.7',
  },
  {
    says: 'a comma inside quotes as part of its element',
    peer: '10.0.0.1',
    headers: forwarded('for=203.0.113.7;ext="a,b;c\\"d"'),
    ip: '203.0.113.7',
  },
  { says: 'nobody for "unknown"', peer: '10.0.0.1', headers: forwarded('for=unknown'), ip: undefined },
  { says: 'nobody for an obfuscated name', peer: '10.0.0.1', headers: forwarded('for=_gazonk'), ip: undefined },
  { says: 'nobody for an element without "for"', peer: '10.0.0.1', headers: forwarded('proto=https'), ip: undefined },
  {
    says: 'nobody for an element with two',
    peer: '10.0.0.1',
    headers: forwarded('for=203.0.113.7;for=6.6.6.6'),
    ip: undefined,
  },
  {
    says: 'nobody for an element that breaks the grammar',
    peer: '10.0.0.1',
    headers: forwarded('for=203.0.113.7 by 10.0.0.1'),
    ip: undefined,
  },
];

const realIpCases: Case[] = [
  { says: 'the one address', peer: '10.0.0.1', headers: { 'x-real-ip': '203.0.113.7' }, ip: '203.0.113.7' },
  {
    says: 'nobody when the header came twice',
    peer: '10.0.0.1',
    headers: { 'x-real-ip': '6.6.6.6, 203.0.113.7' },
    ip: undefined,
  },
];

describe('the client of a request', () => {
  const asked =
    (header: string) =>
    (one: Case): Case => ({ header, proxies: loadBalancer, ...one });

  it.each(peers)('without proxies is $says', expectClient);
  it.each(forwardedForCases.map(asked('x-forwarded-for')))('by X-Forwarded-For is $says', expectClient);
  it.each(rfc7239Cases.map(asked('forwarded')))('by Forwarded (RFC 7239) is $says', expectClient);
  it.each(realIpCases.map(asked('X-Real-IP')))('by X-Real-IP is $says', expectClient);

  it('has the agent as the request says it', () => {
    const seen = clientOf({ peer: '203.0.113.7', headers: { 'user-agent': 'Mozilla/5.0 (X11)' } });
    expect(seen).toEqual({ ip: '203.0.113.7', userAgent: 'Mozilla/5.0 (X11)' });
  });
});

function expectClient(one: Case): void {
  expect(clientOf(one).ip).toBe(one.ip);
}

function clientOf({ peer, header, proxies, headers }: Pick<Case, 'peer' | 'header' | 'proxies' | 'headers'>) {
  const settings: GuardSettings =
    header === undefined ? {} : { forwardedHeader: header, trustedProxies: proxies ?? [] };
  const mistakes: string[] = [];
  const { proxies: options } = resolveGuardOptions(settings, 'default', mistakes);
  expect(mistakes).toEqual([]);
  return requestClient({ headers, socket: { remoteAddress: peer } } as Parameters<typeof requestClient>[0], options);
}
