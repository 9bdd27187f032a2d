import { instantFromMicroseconds, microsecondsOf, type Instant } from '../ledger/instant.js';
import type { Checkpoint } from './checkpoint.js';
import { leafHashes } from './merkle.js';
import { rangeRoot } from './range-proof.js';
import type { ProvenRange } from './verify-evidence-file.js';
import type { LeafEvent } from './verify-live.js';
import { EventOrder, mostDisorder, mostEarly, mostLate } from './verify-order.js';

/**
 * By how much a range has to begin before the time in which a session could have been opened: an event may be dated a minute after it
 * was recorded, and stand behind one recorded ten minutes later.
 */
export const slackBefore = BigInt(mostEarly + mostDisorder);

/** By how much it has to end after the instant: an event is recorded up to ten minutes late, and stands up to ten minutes behind. */
export const slackAfter = BigInt(mostLate + mostDisorder);

/** What is wrong with a range of leaves as a part of the tree, and among themselves. */
export function faultsOfRange(range: ProvenRange, { size, root }: Checkpoint): string[] {
  const leaves = range.leaves.map((leaf) => Buffer.from(leaf));
  const path = range.proof.map((hash) => Buffer.from(hash, 'base64'));
  const place = { start: range.first, end: range.first + leaves.length };
  if (!rangeRoot(place, size, leafHashes(leaves), path)?.equals(root)) {
    return ['the range of leaves is not an unbroken part of the tree under the checkpoint'];
  }
  const order = new EventOrder(true);
  return leaves.flatMap((leaf) => order.next(leaf) ?? []).slice(0, 1);
}

/** Whether no event that happened after `since` can stand in front of a range. */
export function beginsBefore(first: number, range: readonly LeafEvent[], since: Instant): boolean {
  const [begin] = range;
  return first === 0 || (begin !== undefined && begin.recordedAt < shifted(since, -slackBefore));
}

/**
 * Up to when a range shows everything: no event that happened by then can come behind it. Either an event of the ledger says so, or
 * enough time has passed since.
 *
 * @returns undefined for a range too short to say anything
 */
export function coveredUntil(range: readonly LeafEvent[]): string | undefined {
  let said: string | undefined;
  let recordedAt: string | undefined;
  for (const event of range) {
    const settledAt = event.kind === 'horizon_reached' ? event.detail?.['settledAt'] : undefined;
    if (typeof settledAt === 'string' && (said === undefined || settledAt > said)) said = settledAt;
    if (recordedAt === undefined || event.recordedAt > recordedAt) recordedAt = event.recordedAt;
  }
  const passed = recordedAt === undefined ? undefined : shifted(recordedAt as Instant, -slackAfter);
  return said !== undefined && (passed === undefined || said > passed) ? said : passed;
}

/**
 * L: the longest lifetime that a policy among these events allowed, by the instant.
 *
 * @returns seconds; undefined where there is no such policy
 */
export function longestSecondsBy(events: readonly LeafEvent[], at: string): number | undefined {
  const allowed = events
    .filter(({ kind, occurredAt }) => kind === 'policy_set' && occurredAt <= at)
    .map(({ detail }) => detail?.['absoluteSeconds'])
    .filter((seconds) => typeof seconds === 'number' && Number.isSafeInteger(seconds) && seconds > 0);
  return allowed.length === 0 ? undefined : Math.max(...(allowed as number[]));
}

/** An opening by the instant that lets its session live longer than L: then a policy is kept from us. */
export function longerThan(seconds: number, range: readonly LeafEvent[], at: string): LeafEvent | undefined {
  return range.find(
    ({ occurredAt, absoluteExpiresAt }) =>
      absoluteExpiresAt !== undefined &&
      occurredAt <= at &&
      shifted(occurredAt as Instant, BigInt(seconds) * 1_000_000n) < absoluteExpiresAt,
  );
}

const firstInstant = '0001-01-01T00:00:00.000000Z' as Instant;
const lastInstant = '9999-12-31T23:59:59.999999Z' as Instant;

/** The instant that many microseconds later, or the last that can be written: what a file says may lie anywhere, and is only compared. */
export function shifted(instant: Instant, microseconds: bigint): Instant {
  const sum = microsecondsOf(instant) + microseconds;
  if (sum < microsecondsOf(firstInstant)) return firstInstant;
  return sum > microsecondsOf(lastInstant) ? lastInstant : instantFromMicroseconds(sum);
}
