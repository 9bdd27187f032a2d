import { verifyEvidence } from '../../src/seal/verify-evidence.js';
import { instant, leavesOfDay } from './made-day.js';
import { evidenceFile, evidenceOfYes, type MadeQuestion } from './made-evidence.js';
import { MadeLog } from './made-log.js';
import { alice, creationOfAlice, marker, morning, ofAlice } from './made-morning.js';

const isNotShown = 'nothing in the file shows that no event ended the session before the instant';

/** Nothing comes next in it. */
const secondOfAlice = {
  ...morning[creationOfAlice]!,
  session: '019cb6a3-f000-7abc-8def-0123456789ff',
  at: '09:01:00',
  expiresAt: '09:16:00',
  absoluteExpiresAt: '10:01:00',
};

describe('an evidence file of a yes', () => {
  const log = new MadeLog(leavesOfDay(morning));
  const aliceAt = (time: string): MadeQuestion => ({ ...alice, at: instant(time), applications: ['web'] });

  it('does not hold when the revocation is left out, for nothing shows that none came', async () => {
    const question = aliceAt('09:32:00');
    const untilLastUse = log.events
      .slice(0, 8)
      .filter(({ kind, sessionId }) => kind === 'application_recorded' || sessionId === ofAlice);
    const file = await evidenceFile(log, question, untilLastUse, null, null);
    expect(file.answer.answer).toBe('logged_in');
    expect(verifyEvidence(file, log).faults).toEqual([isNotShown]);
    const tooShort = await evidenceFile(log, question, untilLastUse, await log.range(7, 8), null);
    expect(verifyEvidence(tooShort, log).faults).toEqual([isNotShown]);
    const withRange = await evidenceFile(log, question, untilLastUse, await log.range(7, marker + 1), null);
    expect(withRange.answer.answer).toBe('not_logged_in');
  });

  it('holds by one session that is shown whole, and leaves it to be believed of the others', async () => {
    const two = new MadeLog(leavesOfDay(morning.toSpliced(creationOfAlice + 1, 0, secondOfAlice)));
    const file = await evidenceOfYes(two, aliceAt('09:15:00'));
    expect(verifyEvidence(file, two).restsOn.join()).not.toMatch(/nothing ended/);
    expect(verifyEvidence({ ...file, range: null }, two)).toMatchObject({
      holds: true,
      restsOn: [
        `that nothing ended session ${secondOfAlice.session} between its event 6 (${instant('09:01:00')}) and the instant`,
        expect.anything(),
        expect.anything(),
      ],
    });
  });

  it('does not hold by a session in which somebody else acted as the user', async () => {
    const acted = { ...morning[creationOfAlice]!, actorId: '621f7c52-7f0a-4e57-9d6c-5a1e3f0c2d0b' };
    const both = new MadeLog(leavesOfDay(morning.toSpliced(creationOfAlice, 1, acted, secondOfAlice)));
    const file = await evidenceOfYes(both, aliceAt('09:15:00'));
    expect(verifyEvidence(file, both)).toMatchObject({ holds: true, faults: [] });
    expect(verifyEvidence({ ...file, range: null }, both).faults).toEqual([isNotShown]);
  });
});
