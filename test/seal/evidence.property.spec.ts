import fc from 'fast-check';
import { instantFromMicroseconds } from '../../src/ledger/instant.js';
import { verifyEvidence } from '../../src/seal/verify-evidence.js';
import type { EvidenceFile } from '../../src/seal/verify-evidence-file.js';
import { whatFilesSay } from '../../src/seal/verify-statement.js';
import { EventOrder } from '../../src/seal/verify-order.js';
import { answerOf, boundariesOf, type PlainAnswer, type PlainQuestion } from '../query/oracle.js';
import { randomLedger, type RandomLedger } from '../query/random-history.js';
import { evidenceOfNo, evidenceOfYes, type MadeQuestion } from './made-evidence.js';
import { leavesWithHorizons, subjectsOf, type MadeSubjects } from './made-leaves.js';
import { MadeLog } from './made-log.js';

/** So many users of each ledger are asked about, at so many of the instants at which their answer changes. */
const usersAsked = 4;
const instantsAsked = 6;

describe('evidence made of any honest ledger', () => {
  let proven = { yes: 0, no: 0, refuted: 0 };
  beforeEach(() => (proven = { yes: 0, no: 0, refuted: 0 }));

  it('holds for what is true at the instant, and tells the sessions that were live', async () => {
    await fc.assert(
      fc.asyncProperty(randomLedger, fc.integer({ min: 1, max: 50 }), async (ledger, every) => {
        const subjects = subjectsOf(ledger);
        const log = new MadeLog(leavesWithHorizons(ledger, subjects, every));
        const order = new EventOrder();
        expect(log.leaves.flatMap((leaf) => order.next(leaf) ?? [])).toEqual([]);
        for (const [asked, question, answer] of questionsAbout(ledger, subjects)) {
          if (answer.answer === 'unknown') continue;
          const isYes = answer.answer === 'logged_in';
          proven[isYes ? 'yes' : 'no'] += 1;
          const file = await (isYes ? evidenceOfYes(log, question) : evidenceOfNo(log, question));
          expect([asked, verifyEvidence(file, log).faults, file.answer.answer]).toEqual([asked, [], answer.answer]);
          expect(file.answer.sessions.map(({ sessionId }) => sessionId).sort()).toEqual(answer.sessions);
          expect(verifyEvidence(file, log).restsOn.join()).not.toMatch(/nothing ended/);
        }
      }),
      { numRuns: 12 },
    );
    expect(proven.yes).toBeGreaterThan(10);
    expect(proven.no).toBeGreaterThan(10);
  }, 120_000);

  it('never holds for a no where the user was logged in, whichever earlier checkpoint it is made under', async () => {
    await fc.assert(
      fc.asyncProperty(randomLedger, fc.integer({ min: 1, max: 50 }), fc.nat(), async (ledger, every, cut) => {
        const subjects = subjectsOf(ledger);
        const whole = new MadeLog(leavesWithHorizons(ledger, subjects, every));
        const log = whole.cutTo(1 + (cut % whole.leaves.length));
        for (const [asked, question, answer] of questionsAbout(ledger, subjects)) {
          if (answer.answer !== 'logged_in' || !log.events.some(({ kind }) => kind === 'policy_set')) continue;
          proven.refuted += 1;
          const denied = withNo(await evidenceOfNo(log, question));
          expect([asked, verifyEvidence(denied, log).holds]).toEqual([asked, false]);
        }
      }),
      { numRuns: 20 },
    );
    expect(proven.refuted).toBeGreaterThan(20);
  }, 120_000);
});

function* questionsAbout(
  ledger: RandomLedger,
  subjects: MadeSubjects,
): Generator<[PlainQuestion, MadeQuestion, PlainAnswer]> {
  const users = [...new Set(ledger.sessions.map(({ userId }) => userId))].slice(0, usersAsked);
  for (const userId of users) {
    const boundaries = boundariesOf(ledger, userId).flatMap((at) => [at, at - 1n]);
    const step = Math.ceil(boundaries.length / instantsAsked);
    for (const at of boundaries.filter((_, index) => index % step === 0)) {
      const asked = { userId, at, knownAt: null };
      const applications = ledger.applications.map(({ name }) => name);
      yield [
        asked,
        { userId, at: instantFromMicroseconds(at), applications, ...subjects.get(userId)! },
        answerOf(ledger, asked),
      ];
    }
  }
}

/** What whoever denies it would write: under an early checkpoint, the file says it by itself. */
function withNo(file: EvidenceFile): EvidenceFile {
  if (file.answer.answer === 'not_logged_in') return file;
  const answer = { ...file.answer, answer: 'not_logged_in' as const, reason: null, sessions: [], impersonations: [] };
  return { ...file, says: whatFilesSay.not_logged_in, answer: { ...answer, evidence: [] } };
}
