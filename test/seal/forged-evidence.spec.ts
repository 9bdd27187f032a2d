import { verifyEvidence } from '../../src/seal/verify-evidence.js';
import type { EvidenceFile } from '../../src/seal/verify-evidence-file.js';
import { copyOf, type Mutable } from './copied-evidence.js';
import { instant, leavesOfDay } from './made-day.js';
import { evidenceFile, evidenceOfNo, evidenceOfYes, type MadeQuestion } from './made-evidence.js';
import { MadeLog } from './made-log.js';
import {
  alice,
  carol,
  creationOfAlice,
  openingAtDesk,
  laptop,
  marker,
  morning,
  ofAlice,
  ofBob,
  phone,
  policyOfAMinute,
} from './made-morning.js';

type Forge = (file: Mutable<EvidenceFile>) => void;

/** What whoever hands over a file can write into it; each changes an honest file and nothing else. */
const forgedYes: [what: string, forge: Forge, fault: RegExp][] = [
  ['another user', (file) => (file.answer.userId = 'carol'), /^answer.userId is not what/],
  ['another realm', (file) => (file.answer.realm = 'other'), /^answer.realm is not what/],
  [
    'the commitment of another user',
    (file) => (file.subject = { ...carol.disclosure }),
    /by the events in the file it is not_logged_in/,
  ],
  ['another salt', (file) => (file.subject!.salt = '00'.repeat(16)), /by the events in the file it is not_logged_in/],
  ['nobody', (file) => (file.subject = null), /does not open who the user is/],
  ['another answer', (file) => (file.answer.answer = 'not_logged_in'), /by the events in the file it is logged_in/],
  ['that it is unknown', (file) => (file.answer.answer = 'unknown'), /by the events in the file it is logged_in/],
  ['another instant', (file) => (file.answer.at = instant('09:31:00')), /^answer.sessions is not what/],
  ['another session', (file) => (file.answer.sessions[0]!.sessionId = ofBob), /^answer.sessions is not what/],
  ['no session', (file) => file.answer.sessions.pop(), /^answer.sessions is not what/],
  ['another application', (file) => (file.answer.sessions[0]!.application = 'bank'), /^answer.sessions is not what/],
  [
    'another opening',
    (file) => (file.answer.sessions[0]!.createdAt = instant('08:00:00')),
    /^answer.sessions is not what/,
  ],
  [
    'another deadline',
    (file) => (file.answer.sessions[0]!.liveUntil = instant('11:00:00')),
    /^answer.sessions is not what/,
  ],
  [
    'another last use',
    (file) => (file.answer.sessions[0]!.lastUseAtOrBefore = instant('09:14:59')),
    /^answer.sessions is not what/,
  ],
  ['another address', (file) => (file.answer.sessions[0]!.client!.ip = '192.0.2.1'), /^answer.sessions is not what/],
  [
    'another address, opened as such',
    (file) => (file.clients[0]!.value.ip = '192.0.2.1'),
    /^answer.sessions is not what/,
  ],
  ['an address that is not opened', (file) => file.clients.pop(), /^answer.sessions is not what/],
  [
    'an address of which no event speaks',
    (file) => file.clients.push({ ...phone.disclosure }),
    /opens a client that is not the one/,
  ],
  ['that somebody acted as the user', (file) => actAs(file), /^answer.(sessions|impersonations) is not what/],
  [
    'more applications',
    (file) => file.answer.applications.push({ name: 'bank', recordingSince: instant('06:00:01') }),
    /^answer.applications/,
  ],
  [
    'applications recorded earlier',
    (file) => (file.answer.applications[0]!.recordingSince = instant('01:00:00')),
    /^answer.applications/,
  ],
  ['no applications', (file) => (file.answer.applications = []), /^answer.applications is not what/],
  [
    'other evidence',
    (file) => (file.answer.evidence[0]!.occurredAt = instant('08:00:00')),
    /^answer.evidence is not what/,
  ],
  ['less evidence', (file) => file.answer.evidence.pop(), /^answer.evidence is not what/],
  ['words of its own', (file) => (file.says = 'This file proves everything.'), /^says is not what such a file says/],
  [
    'a leaf that was changed',
    (file) => (file.events[1]!.leaf = file.events[1]!.leaf.replace('09:15', '19:15')),
    /^leaf 4 is not under/,
  ],
  ['a leaf in another place', (file) => (file.events[1]!.index = 5), /^leaf 5 is not under/],
  ['no creation', (file) => file.events.splice(1, 1), /is not_logged_in|lacks the creation/],
];

const forgedNo: [what: string, forge: Forge, fault: RegExp][] = [
  ['nobody', (file) => (file.subject = null), /does not open who the user is/],
  ['another user', (file) => (file.answer.userId = 'carol'), /^answer.userId is not what/],
  ['a user of whom no event is', (file) => actAsCarol(file), /^no event in the file is of the user/],
  ['another salt', (file) => (file.subject!.salt = '00'.repeat(16)), /^no event in the file is of the user/],
  ['an instant at which the user was logged in', (file) => (file.answer.at = instant('09:15:00')), /it is logged_in/],
  [
    'an instant behind the range',
    (file) => (file.answer.at = instant('12:00:00')),
    /^the range covers only until 2026-03-04T09:40/,
  ],
  ['no range', (file) => (file.range = null), /^the file lacks the range/],
  ['a range without its last leaf', (file) => file.range!.leaves.pop(), /not an unbroken part/],
  ['a range without one of its leaves', (file) => file.range!.leaves.splice(3, 1), /not an unbroken part/],
  ['a range elsewhere', (file) => (file.range!.first += 1), /not an unbroken part/],
  ['that it is unknown', (file) => (file.answer.answer = 'unknown'), /by the events in the file it is not_logged_in/],
  ['a reason', (file) => (file.answer.reason = 'gap'), /^answer.reason is not what/],
];

describe('an evidence file', () => {
  const log = new MadeLog(leavesOfDay(morning));
  const aliceAt = (time: string, applications = ['web']): MadeQuestion => ({
    ...alice,
    at: instant(time),
    applications,
  });

  it('holds for an honest yes and an honest no, and says what it proves and what is left to be believed', async () => {
    const yes = await evidenceOfYes(log, { ...aliceAt('09:15:00'), clients: [laptop.disclosure] });
    expect(verifyEvidence(yes, log)).toEqual({
      holds: true,
      origin: 'ledger.example/made',
      size: 13,
      faults: [],
      proven: [
        `alice (realm default) was logged in at ${instant('09:15:00')}`,
        `session ${ofAlice} in web: opened at ${instant('09:00:00')}, last used at ${instant('09:10:00')}, live until ${instant('09:25:00')} without another use; seen from 198.51.100.9 with no agent at ${instant('09:10:00')}`,
      ],
      restsOn: [
        expect.stringMatching(/each number within a session once/),
        expect.stringMatching(/told the ledger the truth/),
      ],
    });
    const no = verifyEvidence(await evidenceOfNo(log, aliceAt('09:40:00')), log);
    expect(no).toMatchObject({ holds: true, faults: [] });
    expect(no.proven).toEqual([
      `alice (realm default) was not logged in at ${instant('09:40:00')}, in web (recorded since ${instant('06:00:01')})`,
      expect.stringMatching(/longer than 3600 seconds before/),
    ]);
    expect(no.restsOn.join()).toMatch(/the only one of alice.*no policy before the range.*was dated back/);
  });

  it('holds for a no in the applications asked about, while the user is logged in elsewhere', async () => {
    const file = await evidenceOfNo(log, aliceAt('10:05:00'));
    expect(verifyEvidence(file, log)).toMatchObject({
      holds: true,
      proven: [expect.stringMatching(/, in web \(/), expect.anything()],
    });
    expect(verifyEvidence(await evidenceOfYes(log, aliceAt('10:05:00', ['web', 'desk'])), log).proven[1]).toMatch(
      / in desk: /,
    );
  });

  it.each(forgedYes)('of a yes does not hold with %s', async (_, forge, fault) => {
    const file = copyOf(await evidenceOfYes(log, { ...aliceAt('09:15:00'), clients: [laptop.disclosure] }));
    forge(file);
    expect(verifyEvidence(file, log)).toMatchObject({ holds: false, proven: [] });
    expect(verifyEvidence(file, log).faults.join('\n')).toMatch(new RegExp(fault.source, 'm'));
  });

  it.each(forgedNo)('of a no does not hold with %s', async (_, forge, fault) => {
    const file = copyOf(await evidenceOfNo(log, aliceAt('09:40:00')));
    forge(file);
    expect(verifyEvidence(file, log)).toMatchObject({ holds: false, proven: [] });
    expect(verifyEvidence(file, log).faults.join('\n')).toMatch(new RegExp(fault.source, 'm'));
  });

  it('of a no does not hold by a checkpoint from before the user logged in', async () => {
    const earlier = log.cutTo(creationOfAlice);
    const question = { ...aliceAt('09:15:00') };
    const events = earlier.events.filter(({ kind }) => kind === 'application_recorded' || kind === 'policy_set');
    const file = await evidenceFile(
      earlier,
      question,
      events,
      await earlier.range(0, creationOfAlice),
      instant('08:15:00'),
    );
    expect(verifyEvidence(file, log).faults).toEqual([
      expect.stringMatching(/^no event in the file is of the user/),
      expect.stringMatching(
        /^the range covers only until 2026-03-04T05:40:03.000000Z: events of the instant may come behind it$/,
      ),
    ]);
  });

  it('of a no does not hold when a policy is kept back, so that the range may begin later', async () => {
    const question = aliceAt('09:15:00');
    const kept = log.events.filter(
      (event, index) => event.kind === 'application_recorded' || index === policyOfAMinute,
    );
    const since = instant('09:14:00');
    const range = await log.range(creationOfAlice + 1, marker + 1);
    const file = await evidenceFile(log, question, [...kept, log.events[openingAtDesk]!], range, since);
    expect(verifyEvidence(file, log).faults).toEqual([
      expect.stringMatching(/^the range begins too late/),
      expect.stringMatching(/^event 6 allows a longer lifetime than any policy in the file/),
    ]);
  });

  it('of a no does not hold when its range begins within the minute and the ten by which events stand out of order', async () => {
    const rows = morning.toSpliced(creationOfAlice, 0, { kind: 'ledger_started', at: '08:30:00' });
    const shifted = new MadeLog(leavesOfDay(rows));
    const file = await evidenceOfNo(shifted, aliceAt('09:41:00'));
    expect(file.range?.first).toBe(creationOfAlice - 1);
    expect(verifyEvidence(file, shifted)).toMatchObject({ holds: true });
    const range = await shifted.range(creationOfAlice, marker + 2);
    expect(verifyEvidence({ ...file, range }, shifted).faults).toEqual([
      expect.stringMatching(/^the range begins too late/),
    ]);
    const later = await evidenceOfNo(shifted, aliceAt('09:41:00.000001'));
    expect(later.range?.first).toBe(creationOfAlice);
    expect(verifyEvidence(later, shifted)).toMatchObject({ holds: true });
  });

  it('of a no does not hold without a policy that says how long a session may live', async () => {
    const file = await evidenceOfNo(log, aliceAt('10:15:00'));
    expect(verifyEvidence(file, log)).toMatchObject({ holds: true });
    const events = file.events.filter(({ leaf }) => !leaf.includes('"kind":"policy_set"'));
    expect(verifyEvidence({ ...file, events }, log).faults).toContainEqual(expect.stringMatching(/holds no policy/));
  });

  it('of a no does not hold when an event in its range was dated back', async () => {
    const rows = [...morning.slice(0, marker), { kind: 'ledger_started', at: '09:05:00' }, morning[marker]!];
    const wrong = new MadeLog(leavesOfDay(rows));
    const file = await evidenceOfNo(wrong, aliceAt('10:15:00'));
    expect(verifyEvidence(file, wrong).faults).toEqual([expect.stringMatching(/^event 13 .*it was dated back$/)]);
  });

  it('of a yes does not hold at the instant of the revocation that it shows', async () => {
    const file = await evidenceOfYes(log, aliceAt('09:29:59.999999'));
    expect(verifyEvidence(file, log)).toMatchObject({ holds: true });
    const late = { ...file, answer: { ...file.answer, at: instant('09:30:00') } };
    expect(verifyEvidence(late, log).faults).toContainEqual(
      expect.stringMatching(/by the events in the file it is not_logged_in/),
    );
  });

  it('of a gap holds, and says nothing of the user', async () => {
    const gap = { kind: 'gap', at: '11:00:00', detail: { from: instant('09:00:00'), to: instant('09:35:00') } };
    const withGap = new MadeLog(leavesOfDay([...morning, gap]));
    const events = withGap.events.filter(({ kind }) => kind === 'application_recorded' || kind === 'gap');
    const about = { ...carol, at: instant('09:15:00'), applications: ['web'] };
    const file = { ...(await evidenceFile(withGap, about, events, null, null)), subject: null };
    expect(verifyEvidence(file, withGap)).toMatchObject({
      holds: true,
      proven: [`the ledger says that events of ${instant('09:15:00')} may be lost (event 14)`],
    });
    const later = { ...file, answer: { ...file.answer, at: instant('09:35:00') } };
    expect(verifyEvidence(later, withGap).faults[0]).toBe(
      'the answer is unknown, and by the events in the file it is not_logged_in',
    );
  });

  it('does not hold by a key that nobody handed over', async () => {
    const file = await evidenceOfYes(log, aliceAt('09:15:00'));
    expect(verifyEvidence(file, new MadeLog(log.leaves)).faults).toEqual([
      expect.stringMatching(/^the checkpoint is not signed by a key you trust/),
    ]);
  });
});

function actAs(file: Mutable<EvidenceFile>): void {
  const session = file.answer.sessions.pop()!;
  file.answer.impersonations.push({ ...session, actorId: '621f7c52-7f0a-4e57-9d6c-5a1e3f0c2d0b' });
}

function actAsCarol(file: Mutable<EvidenceFile>): void {
  file.answer.userId = 'carol';
  file.answer.evidence = [];
  file.subject = structuredClone(carol.disclosure);
}
