import fc from 'fast-check';
import { canonicalEvent, type EventColumns } from '../../src/ledger/canonical-event.js';
import { microsecondsOf, type Instant } from '../../src/ledger/instant.js';
import { EventOrder } from '../../src/seal/verify-order.js';
import { readLeafFacts, sessionIdOf } from '../../src/seal/verify-leaf.js';
import { randomLedger } from '../query/random-history.js';
import { anyColumns } from './any-columns.js';
import { instant, leafOf, leavesOfDay, type Row } from './made-day.js';
import { leavesOf } from './made-leaves.js';

const alice = '4b1f7c52-7f0a-4e57-9d6c-5a1e3f0c2d0b';
const bob = 'bb1f7c52-7f0a-4e57-9d6c-5a1e3f0c2d0b';

/** A day of a ledger: a policy of twelve hours, and a session of a quarter of an hour idle that is used, renewed and left. */
const honest: Row[] = [
  { kind: 'ledger_started', at: '08:00:00' },
  { kind: 'policy_set', at: '08:00:01', detail: { absoluteSeconds: 43_200 } },
  { kind: 'created', at: '09:00:00', expiresAt: '09:15:00', absoluteExpiresAt: '21:00:00', subjectId: alice },
  { kind: 'used', at: '09:10:00', expiresAt: '09:25:00' },
  { kind: 'used', at: '09:20:00', expiresAt: '09:25:00', reason: 'passive' },
  {
    kind: 'renewed',
    at: '09:24:00',
    expiresAt: '09:39:00',
    absoluteExpiresAt: '21:00:00',
    subjectId: alice,
    detail: { fresh: false },
  },
  { kind: 'horizon_reached', at: '09:24:30', detail: { settledAt: instant('09:24:20') } },
  { kind: 'used', at: '09:30:00', expiresAt: '09:45:00' },
  { kind: 'expired', at: '09:45:00', recordedAt: '14:00:00', reason: 'idle' },
];
const [created, firstUse, passiveUse, renewed, marker, lastUse, expired] = [2, 3, 4, 5, 6, 7, 8] as const;

/** What nobody can have recorded as it stands, each with what is said of it. */
const impossible: [what: string, rows: Row[], said: RegExp][] = [
  ['a seq taken twice', changed(lastUse, { seq: '7' }), /^event 7 .*stands behind event 7: seq does not rise/],
  ['a seq below 1', changed(created, { seq: '-5' }), /has a seq that no ledger hands out/],
  [
    'a row added at the end and dated back',
    [...honest, { kind: 'used', at: '09:31:00', expiresAt: '09:46:00' }],
    /^event 10 .*says that it was recorded at 2026-03-04T09:31:00.000000Z, and stands behind events recorded up to .*T14:00/,
  ],
  [
    'a time long before it was recorded',
    changed(lastUse, { recordedAt: '09:40:01' }),
    /no event is recorded so far from/,
  ],
  ['a time after it was recorded', changed(lastUse, { recordedAt: '09:28:00' }), /no event is recorded so far from/],
  [
    'an event dated before a time up to which all was said to be recorded',
    changed(marker, { detail: { settledAt: instant('09:30:00') }, at: '09:30:00' }),
    /^event 8 of .*and event 7 in front of it says that all up to .* is recorded/,
  ],
  [
    'a promise about a time to come',
    changed(marker, { detail: { settledAt: instant('09:25:00') } }),
    /^event 7 says of a time that was still to come/,
  ],
  [
    'a promise about what is no time',
    changed(marker, { detail: { settledAt: { toString: 1 } } }),
    /^event 7 says of a time that was still to come/,
  ],
  ['a creation of no session', changed(created, { session: null }), /^event 3 is a created event of no session/],
  [
    'a kind that happens to no session',
    changed(firstUse, { kind: 'frozen' }),
    /kind that happens to no session: frozen/,
  ],
  ['an event of a session never created', without(created), /of a session that was not created before, or had ended/],
  ['an event after the end', [...honest, { kind: 'used', at: '14:00:00', expiresAt: '14:15:00' }], /or had ended/],
  ['a number left out', without(firstUse), /has the number 3 within the session, where 2 comes next/],
  ['a second creation', changed(firstUse, { kind: 'created', subjectId: alice }), /creates it a second time/],
  [
    'a creation that is not the first event',
    changed(created, { sessionSeq: 2 }),
    /with the number 2, where 1 comes first/,
  ],
  [
    'a time that runs backwards',
    changed(passiveUse, { at: '09:09:59', recordedAt: '09:10:00' }),
    /before the event in front of it/,
  ],
  [
    'a use after it lapsed',
    changed(firstUse, { at: '09:15:00', expiresAt: '09:30:00' }),
    /is a use at .*when it had lapsed at/,
  ],
  [
    'a revocation after it lapsed',
    changed(expired, { kind: 'revoked', reason: 'logout', at: '14:00:00' }),
    /is a revocation at .*T14:00:00.000000Z, when it had lapsed at .*T09:45/,
  ],
  [
    'an expiry at another time than the deadline',
    changed(expired, { at: '09:44:00' }),
    /lets it expire at .*and its deadline was/,
  ],
  [
    'a longer deadline than the idle limit gives',
    changed(lastUse, { expiresAt: '10:30:00' }),
    /sets the deadline .*and by the limits/,
  ],
  [
    'a passive use that lengthens the session',
    changed(passiveUse, { expiresAt: '09:35:00' }),
    /sets the deadline .*and by the limits/,
  ],
  [
    'a creation with another deadline than its limits give',
    changed(created, { expiresAt: '09:16:00' }),
    /sets the deadline/,
  ],
  ['a renewal for another user', changed(renewed, { subjectId: bob }), /renews it for another than it was created for/],
  ['a renewal by an actor', changed(renewed, { actorId: bob }), /renews it for another than it was created for/],
  [
    'a renewal in another application',
    changed(renewed, { application: 'app' }),
    /renews it for another than it was created for: subject \S+ in app, and before subject \S+ in web/,
  ],
  [
    'a longer lifetime without a fresh authentication',
    changed(renewed, { absoluteExpiresAt: '21:00:01' }),
    /lengthens its lifetime/,
  ],
  [
    'a lifetime that no policy allows',
    changed(created, { absoluteExpiresAt: '21:00:01' }),
    /longer than the 43200 seconds that any policy/,
  ],
];

describe('the order of events', () => {
  it('has nothing against an honest day', () => {
    expect(faultsIn(honest)).toEqual([]);
  });

  it.each(impossible)('does not let %s pass', (_, rows, said) => {
    expect(faultsIn(rows)[0]).toMatch(said);
  });

  it('lets a renewal or an end stand a microsecond behind the last use, even where that is the deadline', () => {
    const at = '09:14:59.999999';
    const last = { kind: 'used', at, expiresAt: '09:29:59.999999', reason: 'passive' };
    const rows = [
      ...honest.slice(0, 3),
      { ...last, expiresAt: '09:15:00' },
      { kind: 'revoked', at: '09:15:00', reason: 'logout' },
    ];
    expect(faultsIn(rows)).toEqual([]);
  });

  it('has nothing against any history that can have happened', () => {
    let events = 0;
    fc.assert(
      fc.property(randomLedger, (ledger) => {
        const leaves = leavesOf(ledger);
        events += leaves.length;
        expect(said(new EventOrder(), leaves)).toEqual([]);
      }),
      { numRuns: 40 },
    );
    expect(events).toBeGreaterThan(5_000);
  });

  it('has nothing against a part of such a history, from wherever it begins', () => {
    fc.assert(
      fc.property(randomLedger, fc.nat(), (ledger, place) => {
        const leaves = leavesOf(ledger);
        expect(said(new EventOrder(true), leaves.slice(place % leaves.length))).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });
});

describe('a leaf of which nothing is known', () => {
  const ledger = leavesOfDay([...honest, { kind: 'gap', at: '15:00:00', detail: { from: instant('09:00:00') } }]);

  it('is said to be no event, or an event that cannot have happened, whichever of its bytes is another', () => {
    fc.assert(
      fc.property(fc.nat({ max: ledger.length - 1 }), fc.nat(), fc.nat({ max: 255 }), (place, at, byte) => {
        const leaves = ledger.map((leaf) => new Uint8Array(leaf));
        const leaf = leaves[place]!;
        leaf[at % leaf.length] = byte;
        const read = leaves.map(({ buffer }) => Buffer.from(buffer));
        for (const fault of said(new EventOrder(), read)) expect(fault).toMatch(/^(a leaf|event) /);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    [
      'beyond all years',
      '-9e22',
      /sets the deadline .*, and by the limits of the session it is a time that no ledger writes$/,
    ],
    [
      'between two microseconds',
      '900.0000005',
      /sets the deadline .*, and by the limits of the session it is 2026-03-04T/,
    ],
  ])('is told of where it makes a deadline %s', (_, idleSeconds, found) => {
    const leaves = leavesOfDay(honest).map((leaf, place) =>
      place === renewed ? Buffer.from(leaf.toString().replace('900', idleSeconds)) : leaf,
    );
    expect(said(new EventOrder(), leaves)[0]).toMatch(found);
  });
});

describe('the facts of a leaf', () => {
  it('are those that its JSON says, whatever the leaf', () => {
    fc.assert(
      fc.property(anyColumns(), (columns) => {
        const leaf = canonicalEvent(columns);
        const { session, ...facts } = readLeafFacts(Buffer.from(leaf)) ?? noFacts;
        expect({ ...facts, sessionId: session && sessionIdOf(session) }).toEqual(factsByParsing(leaf, columns));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    '',
    '{}',
    '[]',
    'null',
    '{"kind":"used"}',
    '\u00ff',
    leafOf(honest[3]!).toString().replace('T09:10', 'T25:10'),
    leafOf(honest[renewed]!).toString().replace('false', 'fal{e'),
    leafOf(honest[1]!).toString().replace('43200', '4320O'),
  ])('are none where a leaf is no event: %s', (leaf) => {
    expect(readLeafFacts(Buffer.from(leaf, 'latin1'))).toBeUndefined();
  });

  it('are not taken from a leaf that is cut short, wherever, even where nothing lies behind it', () => {
    const leaf = leafOf(honest[3]!);
    for (let length = 0; length < leaf.length; length += 1) {
      expect(readLeafFacts(leaf.subarray(0, length))).toBeUndefined();
      expect(readLeafFacts(new Uint8Array(leaf.subarray(0, length)))).toBeUndefined();
    }
    expect(readLeafFacts(leaf)).toMatchObject({ kind: 'used' });
  });
});

const noFacts = { kind: '', session: undefined };

function factsByParsing(leaf: string, columns: EventColumns): object {
  const event = JSON.parse(leaf) as Record<string, unknown>;
  if (event['kind'] === '') return { kind: '' };
  const at = (instant: Instant | null): number | undefined =>
    instant === null ? undefined : Number(microsecondsOf(instant));
  // Nothing in the detail of these counts for the order.
  if (['used', 'created', 'revoked'].includes(String(event['kind']))) delete event['detail'];
  const { sessionId: id, sessionSeq, subjectId, actorId, application, reason, idleSeconds, detail, kind } = event;
  return {
    seq: Number.isSafeInteger(Number(columns.seq)) ? Number(columns.seq) : Number.NaN,
    recordedAt: at(columns.recordedAt),
    occurredAt: at(columns.occurredAt),
    expiresAt: at(columns.expiresAt),
    absoluteExpiresAt: at(columns.absoluteExpiresAt),
    sessionId: id,
    sessionSeq,
    subjectId,
    actorId,
    application,
    reason,
    idleSeconds,
    detail,
    kind,
  };
}

function faultsIn(rows: readonly Row[]): string[] {
  return said(new EventOrder(), leavesOfDay(rows));
}

function said(order: EventOrder, leaves: readonly Buffer[]): string[] {
  return leaves.flatMap((leaf) => order.next(leaf) ?? []);
}

function changed(place: number, change: Partial<Row>): Row[] {
  return honest.map((row, index) => (index === place ? { ...row, ...change } : row));
}

/** With the numbers that the others have anyway. */
function without(place: number): Row[] {
  let events = 0;
  const numbered = honest.map((row) => (/_/.test(row.kind) ? row : { ...row, sessionSeq: (events += 1) }));
  return numbered.filter((_, index) => index !== place);
}
