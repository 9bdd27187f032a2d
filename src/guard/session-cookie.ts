import { parseCookie, stringifySetCookie } from 'cookie';
import { replaceSetCookie, type HttpResponse } from './http-response.js';
import { headerOf, type HttpRequest } from './http-request.js';

/**
 * Attributes of the session cookie. HttpOnly is not among them: it is always set.
 *
 * @example
 * const cookie: Partial<CookieOptions> = { name: '__Secure-session', domain: 'bank.example', sameSite: 'strict' };
 */
export interface CookieOptions {
  readonly name: string;
  readonly sameSite: 'strict' | 'lax' | 'none';
  readonly secure: boolean;
  readonly path: string;
  readonly domain: string | undefined;
  /** Seconds; undefined: the cookie ends with the browser session, the session itself with its deadline. */
  readonly maxAgeSeconds: number | undefined;
}

/**
 * The values of the session cookie that a request carries: none, one, or several. Several are an attack or a mistake
 * (a cookie set for another path or by a sibling domain; RFC 6265bis 8.6), and which of them is the right one cannot
 * be told. Names are compared by case (RFC 6265bis 5.8.3).
 */
export function sessionCookiesOf(request: HttpRequest, cookie: CookieOptions): string[] {
  const header = headerOf(request, 'cookie') ?? '';
  // Each pair is parsed on its own, because a parsed header keeps one value per name and hides a second one.
  // Values are taken as they are: a token never needs decoding, and a decoded one is not the cookie we set.
  return header
    .split(';')
    .map((pair) => parseCookie(pair, { decode: (value) => value })[cookie.name])
    .filter((value) => value !== undefined);
}

/** Hands the browser a token. */
export function setSessionCookie(response: HttpResponse, cookie: CookieOptions, token: string): void {
  const setCookie = stringifySetCookie({ ...attributesOf(cookie), value: token, maxAge: cookie.maxAgeSeconds });
  replaceSetCookie(response, cookie.name, setCookie);
}

/** Takes the cookie back. The attributes are the same: with others, a browser would leave it in place (RFC 6265bis 5.7). */
export function clearSessionCookie(response: HttpResponse, cookie: CookieOptions): void {
  replaceSetCookie(response, cookie.name, stringifySetCookie({ ...attributesOf(cookie), value: '', maxAge: 0 }));
}

function attributesOf(cookie: CookieOptions) {
  const { name, sameSite, secure, path, domain } = cookie;
  return { name, sameSite, secure, path, domain, httpOnly: true };
}
