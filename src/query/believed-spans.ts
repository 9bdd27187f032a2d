import { addMicroseconds, type Instant } from '../ledger/instant.js';
import type { ComparedRows } from './compared-with-seals.js';
import type { Evidence } from './evidence.js';
import type { NumberedEvent } from './followers.js';
import { unite, type Span } from './intervals.js';
import type { Reign, SessionOverRange } from './live-spans.js';
import { isFollowed } from './trusted.js';

/** When a session was live in a range, and when nobody can know. */
export interface BelievedSpans {
  readonly live: Span[];
  readonly broken: Span[];
}

/**
 * Takes a session's time apart into what its rows show and what rows that contradict their seals leave open. A row that does may have
 * stood at any instant from the event before it to the one after it, so it takes both their times along.
 *
 * @param follower what follows the last event of the range in the session.
 * @param longestSeconds L: nothing is open for longer after the latest opening.
 */
export function believedSpans(
  { openings, reigns }: SessionOverRange,
  { from, to }: Span,
  follower: NumberedEvent | undefined,
  compared: ComparedRows,
  longestSeconds: number,
): BelievedSpans {
  const live: Span[] = [];
  const broken: Span[] = [];
  for (const [nth, reign] of reigns.entries()) {
    const next = reigns[nth + 1];
    const opening = latestOpening(openings, reign);
    const isWhole = !compared.isBroken(reign.event) && isFollowed(reign.sessionSeq, next ?? follower, compared);
    if (isWhole && reign.live === null) continue;
    if (isWhole && !compared.hasBroken([openings[0]!, opening])) {
      live.push(reign.live!);
      continue;
    }
    const lapsed = addMicroseconds(opening.occurredAt, BigInt(longestSeconds) * 1_000_000n);
    const span = {
      from: later(reign.event.occurredAt, from),
      to: earlier(earlier(next?.event.occurredAt ?? to, lapsed), to),
    };
    if (span.from < span.to) broken.push(span);
  }
  return { live: unite(live), broken: unite(broken) };
}

/** The opening or renewal in force while an event decides. */
function latestOpening(openings: readonly Evidence[], { event }: Reign): Evidence {
  return openings.findLast(({ occurredAt }) => occurredAt <= event.occurredAt) ?? openings[0]!;
}

function earlier(one: Instant, other: Instant): Instant {
  return one < other ? one : other;
}

function later(one: Instant, other: Instant): Instant {
  return one > other ? one : other;
}
