import type { Type } from '@nestjs/common';
import { BlockList, isIP } from 'node:net';
import type { CrossSiteOptions } from './cross-site.js';
import type { ProxyOptions } from './request-client.js';
import type { CookieOptions } from './session-cookie.js';
import type { SubjectLoader } from './subject-loader.js';

/**
 * What an application may say about its guard; everything has a default.
 *
 * @example
 * const settings: GuardSettings = { cookie: { sameSite: 'strict' }, forwardedHeader: 'x-forwarded-for', trustedProxies: ['10.0.0.0/8'] };
 */
export interface GuardSettings {
  /** The session cookie. Default: `__Host-session`, HttpOnly, Secure, SameSite=Lax, Path=/, no Domain, no Max-Age. */
  cookie?: Partial<CookieOptions>;
  /**
   * Where a request carries its token: `cookie` (default), `bearer` (`Authorization: Bearer`, RFC 6750, for APIs that
   * no browser calls), or `both`. Anywhere else it is not seen.
   */
  token?: 'cookie' | 'bearer' | 'both';
  /** Addresses or CIDRs of the proxies whose `forwardedHeader` is believed. Default: none. */
  trustedProxies?: readonly string[];
  /** The one header in which they name their caller: `x-forwarded-for`, `forwarded` (RFC 7239), or one like `x-real-ip`. */
  forwardedHeader?: string;
  /** The check against forged requests (CSRF); on by default. `allowedOrigins` lists further origins, such as `https://app.example`. */
  csrf?: Partial<CrossSiteOptions>;
  /** Loads what the application knows about a session's user, at every request: an instance, or the class of a provider. */
  subjectLoader?: SubjectLoader | Type<SubjectLoader>;
}

/** The settings of the guard, checked and with every default filled in. */
export interface GuardOptions {
  readonly realm: string;
  readonly token: 'cookie' | 'bearer' | 'both';
  readonly cookie: CookieOptions;
  readonly crossSite: CrossSiteOptions;
  readonly proxies: ProxyOptions;
  readonly subjectLoader: SubjectLoader | Type<SubjectLoader> | undefined;
}

/** Injection token of the guard's options. */
export const guardOptionsToken = Symbol('GuardOptions');

// RFC 6265bis 5.5: browsers cut longer lifetimes to 400 days.
const longestMaxAgeSeconds = 400 * 86_400;
// RFC 9110 5.6.2: the characters of a token, which is what a cookie's and a header's name is.
const tokenCharacters = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * Checks the guard's settings and fills in the defaults.
 *
 * @param mistakes receives one sentence per mistake, so that all are told at once.
 */
export function resolveGuardOptions(settings: GuardSettings, realm: string, mistakes: string[]): GuardOptions {
  const token = settings.token ?? 'cookie';
  if (!['cookie', 'bearer', 'both'].includes(token)) mistakes.push('token must be "cookie", "bearer" or "both"');
  return Object.freeze({
    realm,
    token,
    cookie: resolveCookie(settings.cookie ?? {}, mistakes),
    crossSite: resolveCrossSite(settings.csrf ?? {}, mistakes),
    proxies: resolveProxies(settings, mistakes),
    subjectLoader: settings.subjectLoader,
  });
}

function resolveCookie(given: Partial<CookieOptions>, mistakes: string[]): CookieOptions {
  const { name = '__Host-session', sameSite = 'lax', secure = true, path = '/', domain, maxAgeSeconds } = given;
  const prefix = /^__(host|secure)-/i.exec(name)?.[1]?.toLowerCase();
  if (!tokenCharacters.test(name)) mistakes.push(`cookie.name ${JSON.stringify(name)} is not a cookie name`);
  if (!['strict', 'lax', 'none'].includes(sameSite)) mistakes.push('cookie.sameSite must be "strict", "lax" or "none"');
  // RFC 6265bis 4.1.3: browsers drop a prefixed cookie that lacks what its prefix promises.
  if (prefix !== undefined && !secure)
    mistakes.push(
      `cookie.secure must be true for a cookie named ${name}; without TLS give it a name without the prefix`,
    );
  if (prefix === 'host' && path !== '/') mistakes.push(`cookie.path must be "/" for a cookie named ${name}`);
  if (prefix === 'host' && domain !== undefined)
    mistakes.push(`cookie.domain must be left out for a cookie named ${name}`);
  if (sameSite === 'none' && !secure) mistakes.push('cookie.secure must be true when cookie.sameSite is "none"');
  if (!/^\/[^;\p{Cc}]*$/u.test(path)) mistakes.push('cookie.path must begin with "/" and hold no semicolon');
  if (domain !== undefined && !/^[a-z0-9.-]+$/i.test(domain)) mistakes.push('cookie.domain must be a host name');
  if (
    maxAgeSeconds !== undefined &&
    !(Number.isInteger(maxAgeSeconds) && maxAgeSeconds > 0 && maxAgeSeconds <= longestMaxAgeSeconds)
  )
    mistakes.push(`cookie.maxAgeSeconds must be a whole number from 1 to ${longestMaxAgeSeconds}`);
  return Object.freeze({ name, sameSite, secure, path, domain, maxAgeSeconds });
}

function resolveCrossSite(
  { enabled = true, allowedOrigins = [] }: Partial<CrossSiteOptions>,
  mistakes: string[],
): CrossSiteOptions {
  for (const origin of allowedOrigins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin || origin === 'null')
      mistakes.push(
        `csrf.allowedOrigins holds ${JSON.stringify(origin)}, which is not an origin such as https://app.example`,
      );
  }
  return Object.freeze({ enabled, allowedOrigins: Object.freeze([...allowedOrigins]) });
}

function resolveProxies({ trustedProxies = [], forwardedHeader }: GuardSettings, mistakes: string[]): ProxyOptions {
  const trusted = new BlockList();
  for (const proxy of trustedProxies) {
    const [address = '', bits, ...rest] = proxy.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const longest = family === 'ipv6' ? 128 : 32;
    const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (isIP(address) > 0 && !address.includes('%') && rest.length === 0 && prefix <= longest)
      trusted.addSubnet(address, prefix, family);
    else
      mistakes.push(
        `trustedProxies holds ${JSON.stringify(proxy)}, which is neither an address nor a CIDR such as 10.0.0.0/8`,
      );
  }
  if (forwardedHeader !== undefined && !tokenCharacters.test(forwardedHeader))
    mistakes.push('forwardedHeader must name exactly one header, such as x-forwarded-for');
  if ((forwardedHeader === undefined) !== (trustedProxies.length === 0))
    mistakes.push(
      'trustedProxies and forwardedHeader go together: whose word is taken, and in which header they give it',
    );
  return Object.freeze({ trusted, forwardedHeader: forwardedHeader?.toLowerCase() });
}
