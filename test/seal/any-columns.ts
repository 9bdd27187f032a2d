import fc from 'fast-check';
import type { EventColumns } from '../../src/ledger/canonical-event.js';
import type { Instant } from '../../src/ledger/instant.js';

/** Rows of every shape that the columns allow, whether or not an event ever has it. */
export function anyColumns(): fc.Arbitrary<EventColumns> {
  const text = fc.string({ unit: 'grapheme' }).filter((value) => !/\p{Surrogate}/u.test(value));
  const instant = fc.constantFrom('2026-03-04T02:14:00.000001Z' as Instant, '9999-12-31T23:59:59.999999Z' as Instant);
  const orNull = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> => fc.option(value, { nil: null });
  return fc.record({
    seq: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String),
    recordedAt: instant,
    occurredAt: instant,
    expiresAt: orNull(instant),
    clientId: orNull(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String)),
    sessionSeq: orNull(fc.nat()),
    recordedBy: fc.nat(),
    bucket: fc.nat(63),
    sessionId: orNull(fc.uuid()),
    kind: fc.oneof(text, fc.constantFrom('used', 'created', 'revoked')),
    reason: orNull(text),
    subjectId: orNull(fc.uuid()),
    actorId: orNull(fc.uuid()),
    application: orNull(text),
    absoluteExpiresAt: orNull(instant),
    idleSeconds: orNull(fc.nat()),
    secretDigest: orNull(fc.constant('ab'.repeat(32))),
    detail: orNull(
      fc
        .dictionary(text, fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true })))
        .map((value) => JSON.stringify(value)),
    ),
  });
}
