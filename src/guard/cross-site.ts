import { headerOf, type HttpRequest } from './http-request.js';

/**
 * Whether requests from other sites are refused, and which of them are welcome.
 *
 * @example
 * const csrf: Partial<CrossSiteOptions> = { allowedOrigins: ['https://app.example'] };
 */
export interface CrossSiteOptions {
  readonly enabled: boolean;
  /** Origins, as browsers write them (`https://app.example`), whose pages may send unsafe requests. */
  readonly allowedOrigins: readonly string[];
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);
const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Whether a request may have been forged by a page of another site (CSRF).
 *
 * Browsers say where a request comes from in `Sec-Fetch-Site`, which no page can set; where it is missing (before
 * 2023, and over plain HTTP), `Origin` is compared with the host. Safe methods pass, because a handler of theirs
 * changes nothing (RFC 9110 9.2.1). Unlike a token in a form, this needs no state and cannot be forgotten in one.
 *
 * @param bearsCookie whether the browser attached the session cookie: with neither header, such a request is refused,
 * while one without a cookie has nothing that could be misused.
 */
export function mayBeForged(
  request: HttpRequest,
  options: CrossSiteOptions,
  bearsCookie: boolean,
  isSecure: boolean,
): boolean {
  if (!options.enabled || safeMethods.has(request.method ?? '')) return false;
  const site = headerOf(request, 'sec-fetch-site');
  const origin = headerOf(request, 'origin');
  if (origin !== undefined && options.allowedOrigins.includes(origin)) return false;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (origin !== undefined) return !isOwnOrigin(origin, request, isSecure);
  return bearsCookie;
}

/**
 * The scheme this application is reached by is not known behind a proxy that ends TLS; so the host is compared, and a
 * page in plain HTTP is not believed where the cookie demands HTTPS: whoever sits on the wire could have written it.
 */
function isOwnOrigin(origin: string, request: HttpRequest, isSecure: boolean): boolean {
  const host = headerOf(request, 'host') ?? headerOf(request, ':authority');
  if (host === undefined || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (url.origin !== origin || !URL.canParse(`${url.protocol}//${host}`)) return false;
  if (isSecure && url.protocol !== 'https:' && !loopbackHost.test(url.hostname)) return false;
  return url.host === new URL(`${url.protocol}//${host}`).host;
}
