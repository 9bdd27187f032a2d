import ipaddr from 'ipaddr.js';
import { SessionLedgerError } from '../errors.js';

/**
 * A client as a request showed it.
 *
 * @example
 * const client: ClientSeen = { ip: '203.0.113.7', userAgent: 'Mozilla/5.0' };
 */
export interface ClientSeen {
  /** An IPv4 or IPv6 address; not a name, not a network. */
  readonly ip?: string | undefined;
  /** The `User-Agent` header (RFC 9110 10.1.5); kept as seen, cut at 512 characters. */
  readonly userAgent?: string | undefined;
}

/** A client in the one spelling that the ledger stores and commits to. At least one of the two is not null. */
export interface SeenClient {
  readonly ip: string | null;
  readonly userAgent: string | null;
}

const longestUserAgent = 512;

/**
 * Brings a client into its one spelling: an IPv4-mapped IPv6 address becomes the IPv4 address it maps (RFC 4291
 * 2.5.5.2), IPv6 is written as RFC 5952 says, and a user agent loses NUL (which PostgreSQL's text cannot hold) and
 * what comes after 512 characters.
 *
 * @returns undefined when nothing about the client is known.
 * @throws SessionLedgerError ERR_INVALID_INPUT for an address that is none.
 * @example
 * canonicalClient({ ip: '::ffff:203.0.113.7' }); // { ip: '203.0.113.7', userAgent: null }
 */
export function canonicalClient(client: ClientSeen | undefined): SeenClient | undefined {
  if (client === undefined) return undefined;
  const ip = client.ip === undefined || client.ip === '' ? null : canonicalAddress(client.ip);
  const userAgent = canonicalUserAgent(client.userAgent);
  return ip === null && userAgent === null ? undefined : { ip, userAgent };
}

function canonicalAddress(text: unknown): string {
  // The stricter predicates: ipaddr.js's own isValid takes '1', '0x7f.1' and '010.1.1.1' for addresses.
  if (typeof text === 'string' && ipaddr.IPv4.isValidFourPartDecimal(text)) return text;
  if (typeof text !== 'string' || !ipaddr.IPv6.isValid(text)) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', 'client.ip is not an IPv4 or IPv6 address', {
      field: 'client.ip',
    });
  }
  const zone = text.indexOf('%');
  return spelled(zone === -1 ? text : text.slice(0, zone));
}

function spelled(text: string): string {
  // ipaddr.js takes '::1.2.3.4' for an IPv4-mapped address; the URL parser (WHATWG) writes it in hex first.
  const address = ipaddr.IPv6.parse(new URL(`http://[${text}]/`).hostname.slice(1, -1));
  if (address.isIPv4MappedAddress()) return address.toIPv4Address().toString();
  const [last, beforeLast] = [address.parts[7]!, address.parts[6]!];
  // PostgreSQL prints the deprecated IPv4-compatible addresses (RFC 4291 2.5.5.1) with dots, and the commitment is to
  // what the stored inet reads as.
  const isIpv4Compatible = beforeLast !== 0 && address.parts.slice(0, 6).every((part) => part === 0);
  return isIpv4Compatible
    ? `::${beforeLast >> 8}.${beforeLast & 255}.${last >> 8}.${last & 255}`
    : address.toRFC5952String();
}

function canonicalUserAgent(text: unknown): string | null {
  if (typeof text !== 'string') return null;
  // A lone surrogate has no UTF-8; the replacement character is what the driver would store, so it is committed to.
  const storable = text.replaceAll('\0', '').replace(/\p{Cs}/gu, '\uFFFD');
  if (storable === '') return null;
  return storable.length <= longestUserAgent ? storable : [...storable].slice(0, longestUserAgent).join('');
}
