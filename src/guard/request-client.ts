import { BlockList, isIP } from 'node:net';
import type { ClientSeen } from '../session/client.js';
import { forwardedHops } from './forwarded-hops.js';
import { headerOf, nodeRequestOf, type HttpRequest } from './http-request.js';

/** Whose word about the caller's address is taken, and in which header they give it. */
export interface ProxyOptions {
  readonly trusted: BlockList;
  /** Lower case; undefined: no header is read, the peer of the connection is the client. */
  readonly forwardedHeader: string | undefined;
}

/**
 * The client of a request, as the ledger shall see it: the peer of the connection, or, where the peer is a trusted
 * proxy, the rightmost hop in the one configured header that is not a trusted proxy itself. What an untrusted peer
 * writes into such a header is never read.
 *
 * A hop that is no address leaves the address out: the client is then unknown, which is a truer record than the
 * proxy's own address.
 */
export function requestClient(request: HttpRequest, proxies: ProxyOptions): ClientSeen {
  const ip = addressOf(request, proxies);
  const userAgent = headerOf(request, 'user-agent');
  return { ...(ip === undefined ? {} : { ip }), ...(userAgent ? { userAgent } : {}) };
}

function addressOf(request: HttpRequest, proxies: ProxyOptions): string | undefined {
  const peer = withoutZone(nodeRequestOf(request).socket.remoteAddress);
  const value = proxies.forwardedHeader === undefined ? undefined : headerOf(request, proxies.forwardedHeader);
  if (proxies.forwardedHeader === undefined || value === undefined || !isTrusted(peer, proxies)) return peer;
  let nearest = peer;
  for (const hop of forwardedHops(proxies.forwardedHeader, value)) {
    nearest = withoutZone(hop);
    if (!isTrusted(nearest, proxies)) return nearest;
  }
  return nearest;
}

function isTrusted(address: string | undefined, { trusted }: ProxyOptions): boolean {
  return address !== undefined && trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** An IPv6 zone names an interface of one machine (RFC 4007 11) and says nothing to a reader of the ledger. */
function withoutZone(address: string | undefined): string | undefined {
  const plain = address?.split('%')[0] ?? '';
  return isIP(plain) === 0 ? undefined : plain;
}
