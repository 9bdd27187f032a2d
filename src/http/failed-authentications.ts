import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';

const allowedPerMinute = 20;

/**
 * Counts failed authentications per address and minute. Keys that are right are never held up by it: behind one
 * address may be a whole office, or the proxy that everybody comes through.
 */
export class FailedAuthentications {
  // Bounded, so that a flood from many addresses costs memory that was planned for.
  private readonly failures = new LRUCache<string, { count: number }>({ max: 50_000, ttl: 60_000 });

  /** Counts one more; answers the seconds to wait once the address has had too many, else undefined. */
  count(address: string): number | undefined {
    const network = networkOf(address);
    const failure = this.failures.get(network) ?? { count: 0 };
    failure.count += 1;
    if (failure.count === 1) this.failures.set(network, failure);
    if (failure.count <= allowedPerMinute) return undefined;
    return Math.max(1, Math.ceil(this.failures.getRemainingTTL(network) / 1000));
  }
}

/** One customer of an IPv6 network usually holds a /64, and could otherwise take a new address for every attempt. */
function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  if (!ipaddr.isValid(plain)) return address;
  const parsed = ipaddr.process(plain); // an IPv4 address that came in as ::ffff:203.0.113.7 is one
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString();
}
