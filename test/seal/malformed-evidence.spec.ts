import fc from 'fast-check';
import type { Instant } from '../../src/ledger/instant.js';
import { verifyEvidence } from '../../src/seal/verify-evidence.js';
import type { EvidenceFile } from '../../src/seal/verify-evidence-file.js';
import { copyOf, type Mutable } from './copied-evidence.js';
import { instant, leavesOfDay, type Row } from './made-day.js';
import { evidenceFile, evidenceOfNo, evidenceOfYes } from './made-evidence.js';
import { MadeLog } from './made-log.js';
import { alice, creationOfAlice, marker, morning } from './made-morning.js';

/** What is no evidence file, however well it is signed. */
const malformed: [what: string, forge: (file: Mutable<EvidenceFile>) => unknown][] = [
  ['nothing', () => null],
  ['a list', () => []],
  ['another format', (file) => ({ ...file, format: 'session-ledger-evidence@v2' })],
  ['a member too many', (file) => ({ ...file, remark: 'logged in for sure' })],
  ['a member too few', (file) => JSON.parse(JSON.stringify({ ...file, clients: undefined }))],
  ['an answer that is no word of it', (file) => ({ ...file, answer: { ...file.answer, answer: 'no' } })],
  ['a reason that is none', (file) => ({ ...file, answer: { ...file.answer, reason: 'no_such_user' } })],
  [
    'an instant in another spelling',
    (file) => ({ ...file, answer: { ...file.answer, at: '2026-03-04T10:15:00+01:00' } }),
  ],
  ['a fact that no leaf holds', (file) => ({ ...file, answer: { ...file.answer, settled: true } })],
  ['events that are none', (file) => ({ ...file, events: [null] })],
  ['a place that is no number', (file) => ({ ...file, events: [{ ...file.events[0]!, index: '1' }] })],
  ['a hash that is none', (file) => ({ ...file, events: [{ ...file.events[0]!, proof: ['AAAA'] }] })],
  ['a leaf without a UTF-8', (file) => ({ ...file, events: [{ ...file.events[0]!, leaf: '\ud800' }] })],
  [
    'a leaf beyond the size of one',
    (file) => ({ ...file, events: [{ ...file.events[0]!, leaf: 'x'.repeat(65_536) }] }),
  ],
  ['a range that is a text', (file) => ({ ...file, range: 'all' })],
  ['a salt of another length', (file) => ({ ...file, subject: { ...file.subject!, salt: 'ab' } })],
  [
    'an address that is a number',
    (file) => ({ ...file, clients: [{ value: { ip: 1, userAgent: null }, salt: '00'.repeat(16) }] }),
  ],
];

describe('what is no evidence file', () => {
  const log = new MadeLog(leavesOfDay(morning));

  it.each(malformed)('is refused as such when it is %s', async (_, forge) => {
    const file = forge(copyOf(await evidenceOfYes(log, question)));
    expect(() => verifyEvidence(file, log)).toThrow(
      expect.objectContaining({ code: 'ERR_EVIDENCE_MALFORMED' }) as Error,
    );
  });

  it('is refused as such wherever one member of a file is something else, and nothing else ever happens', async () => {
    const file = await evidenceOfYes(log, question);
    const places = placesIn(file);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.jsonValue(), async (place, value) => {
        const forged = copyOf(file);
        put(forged, place, value);
        expect(['holds', 'does not hold', 'ERR_EVIDENCE_MALFORMED']).toContain(outcomeOf(forged));
        const isSame = JSON.stringify(forged) === JSON.stringify(file);
        expect(isSame || outcomeOf(forged) !== 'holds').toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused, or does not hold, whichever character of a leaf is another, and nothing else ever happens', async () => {
    const no = await evidenceOfNo(renewedLog, { ...alice, at: instant('09:40:00'), applications: ['web'] });
    const yes = await evidenceOfYes(renewedLog, question);
    expect([yes, no].map((file) => verifyEvidence(file, renewedLog).faults)).toEqual([[], []]);
    expect(no.range?.leaves.join()).toMatch(/"kind":"renewed"/);
    const anyCharacter = fc.oneof(
      fc.constantFrom('"', '{', '}', '[', ']', '\\', ':', ',', '9'),
      fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(yes, no),
        fc.nat(),
        fc.nat(),
        anyCharacter,
        async (file, which, at, character) => {
          const forged = copyOf(file);
          const leaves = [...forged.events, ...(forged.range?.leaves.keys() ?? [])];
          const picked = leaves[which % leaves.length]!;
          const leaf = typeof picked === 'number' ? forged.range!.leaves[picked]! : picked.leaf;
          const place = at % leaf.length;
          const changed = leaf.slice(0, place) + character + leaf.slice(place + 1);
          if (typeof picked === 'number') forged.range!.leaves[picked] = changed;
          else picked.leaf = changed;
          expect(['does not hold', 'ERR_EVIDENCE_MALFORMED', ...(changed === leaf ? ['holds'] : [])]).toContain(
            outcomeOf(forged, renewedLog),
          );
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['has a brace too many in its detail', (leaf: string) => leaf.replace('"}', '"{}}')],
    [
      'has a detail that has no canonical form',
      (leaf: string) => leaf.replace('"detail":{', '"detail":{"a":"\\ud800",'),
    ],
    [
      'has more levels than any stack',
      (leaf: string) => leaf.replace('"detail":{', `"detail":{"a":${'['.repeat(30_000)}${']'.repeat(30_000)},`),
    ],
  ])('does not hold where a leaf %s', async (_, change) => {
    const file = copyOf(await evidenceOfYes(log, question));
    const creation = file.events.find(({ leaf }) => leaf.includes('"kind":"created"'))!;
    creation.leaf = change(creation.leaf);
    expect(verifyEvidence(file, log).faults).toEqual([
      expect.stringMatching(/^leaf 4 is not under the checkpoint/),
      'a leaf is not the canonical JSON of an event',
    ]);
  });

  it('is judged as any other where a sealed policy allows a lifetime beyond all years', async () => {
    const rows = morning.map((row) =>
      row.kind === 'policy_set' ? { ...row, detail: { absoluteSeconds: 9e12 } } : row,
    );
    const lasting = new MadeLog(leavesOfDay(rows));
    const asked = { ...alice, at: instant('09:40:00'), applications: ['web'] };
    const events = lasting.events.slice(0, creationOfAlice + 1);
    const first = '0001-01-01T00:00:00.000000Z' as Instant;
    const file = await evidenceFile(lasting, asked, events, await lasting.range(0, marker + 1), first);
    expect([file.answer.answer, outcomeOf(file, lasting)]).toEqual(['not_logged_in', 'holds']);
    const later = { ...file, range: await lasting.range(1, marker + 1) };
    expect(verifyEvidence(later, lasting).faults).toEqual([expect.stringMatching(/^the range begins too late/)]);
  });

  function outcomeOf(file: unknown, of = log): string {
    try {
      return verifyEvidence(file, of).holds ? 'holds' : 'does not hold';
    } catch (failure) {
      return (failure as { code?: string }).code ?? String(failure);
    }
  }
});

const creationOfBob = 5;
/** The same morning, in which bob's session was renewed. */
const renewal: Row = {
  ...morning[creationOfBob]!,
  kind: 'renewed',
  at: '09:06:00',
  expiresAt: '09:21:00',
  absoluteExpiresAt: '10:06:00',
  detail: { ...morning[creationOfBob]!.detail, fresh: true },
};
const renewedLog = new MadeLog(
  leavesOfDay(
    morning
      .toSpliced(creationOfBob + 1, 0, renewal)
      .map((row) => (row.kind === 'expired' ? { ...row, at: '09:21:00' } : row)),
  ),
);

const question = { ...alice, at: instant('09:15:00'), applications: ['web'] };

/** The way to each member and item. */
function placesIn(value: unknown, way: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...way]];
  return [[...way], ...Object.entries(value).flatMap(([name, member]) => placesIn(member, [...way, name]))].filter(
    ({ length }) => length > 0,
  );
}

function put(target: object, way: readonly string[], value: unknown): void {
  const [last, ...before] = way.toReversed();
  const parent = before.toReversed().reduce((at, name) => (at as Record<string, object>)[name]!, target);
  (parent as Record<string, unknown>)[last!] = value;
}
