import { resolveGuardOptions, type GuardSettings } from '../../src/guard/guard-options.js';

/** OWASP ASVS 5.0 3.3.1 to 3.3.4 and RFC 6265bis 4.1.3: what a cookie may not be. */
const refusedCookies: [GuardSettings['cookie'], RegExp][] = [
  [{ secure: false }, /cookie\.secure must be true for a cookie named __Host-session/],
  [{ name: '__host-session', path: '/bank' }, /cookie\.path must be "\/" for a cookie named __host-session/],
  [{ domain: 'bank.example' }, /cookie\.domain must be left out/],
  [{ name: '__Secure-session', secure: false }, /cookie\.secure must be true/],
  [{ name: 'session', secure: false, sameSite: 'none' }, /cookie\.secure must be true when cookie\.sameSite is "none"/],
  [{ name: 'se ssion' }, /is not a cookie name/],
  [{ name: 'session;x' }, /is not a cookie name/],
  [{ name: '' }, /is not a cookie name/],
  [{ name: 'session', path: 'bank' }, /cookie\.path must begin with/],
  [{ name: 'session', path: '/;Domain=x' }, /cookie\.path must begin with/],
  [{ name: 'session', domain: 'x;y' }, /cookie\.domain must be a host name/],
  [{ maxAgeSeconds: 0 }, /cookie\.maxAgeSeconds must be a whole number/],
  [{ maxAgeSeconds: 401 * 86_400 }, /cookie\.maxAgeSeconds must be a whole number/],
];

describe('the settings of the guard', () => {
  it('are the safe ones when nothing is said', () => {
    const options = resolved({});
    expect(options.token).toBe('cookie');
    expect(options.cookie).toEqual({ name: '__Host-session', sameSite: 'lax', secure: true, path: '/' });
    expect(options.crossSite).toEqual({ enabled: true, allowedOrigins: [] });
    expect(options.proxies.forwardedHeader).toBeUndefined();
  });

  it.each(refusedCookies)('refuse the cookie %j', (cookie, sentence) => {
    expect(mistakesOf({ cookie })).toEqual([expect.stringMatching(sentence)]);
  });

  it.each(['app.example', 'https://app.example/', 'https://app.example/path', '*', 'null', 'https://APP.example'])(
    'refuse %s as an allowed origin',
    (origin) => {
      expect(mistakesOf({ csrf: { allowedOrigins: [origin] } })).toEqual([expect.stringContaining('is not an origin')]);
    },
  );

  it.each(['10.0.0.0/33', '10.0.0', 'proxy.example', '::/129', '10.0.0.1/', '10.0.0.1/8/8', 'fe80::1%eth0/64'])(
    'refuse %s as a trusted proxy',
    (proxy) => {
      expect(mistakesOf({ forwardedHeader: 'x-forwarded-for', trustedProxies: [proxy] })).toEqual([
        expect.stringContaining('neither an address nor a CIDR'),
      ]);
    },
  );

  it('ask for the proxies and the header together', () => {
    expect(mistakesOf({ forwardedHeader: 'x-forwarded-for' })).toEqual([expect.stringContaining('go together')]);
    expect(mistakesOf({ trustedProxies: ['10.0.0.1'] })).toEqual([expect.stringContaining('go together')]);
    expect(mistakesOf({ forwardedHeader: 'x-forwarded-for, forwarded', trustedProxies: ['10.0.0.1'] })).toEqual([
      expect.stringContaining('exactly one header'),
    ]);
  });

  it('tell every mistake at once', () => {
    const settings = { token: 'query', cookie: { secure: false }, trustedProxies: ['x'] } as unknown as GuardSettings;
    expect(mistakesOf(settings)).toHaveLength(4);
  });
});

function resolved(settings: GuardSettings) {
  const mistakes: string[] = [];
  const options = resolveGuardOptions(settings, 'default', mistakes);
  expect(mistakes).toEqual([]);
  return options;
}

function mistakesOf(settings: GuardSettings): string[] {
  const mistakes: string[] = [];
  resolveGuardOptions(settings, 'default', mistakes);
  return mistakes;
}
