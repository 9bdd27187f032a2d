import type { SealedAnswer } from '../query/compared-page.js';
import type { CoveredApplication } from '../query/coverage.js';
import { inZone } from './local-time.js';
import { printable } from './printable.js';

/** How an answer stands: whether it is final, whether it is sealed, and in which zone its times are shown. */
export function standing({ settled, sealed }: { settled: boolean; sealed: boolean }, zone: string): string {
  return `${settled ? 'Settled' : 'Not settled yet'}, ${sealed ? 'sealed' : 'not sealed yet'}; times in ${zone}\n`;
}

/** The applications that an answer covers. */
export function covering(applications: readonly CoveredApplication[], zone: string): string {
  if (applications.length === 0) return 'Covers no application: none was recorded yet\n';
  const since = applications.map(
    ({ name, recordingSince }) => `${printable(name)} since ${inZone(recordingSince, zone)}`,
  );
  return `Covers ${since.join(', ')}\n`;
}

/** The alarm, where a person who asks reads it. */
export function alarm({ contradicting }: Pick<SealedAnswer, 'contradicting'>): string {
  if (contradicting.length === 0) return '';
  return `Not what was sealed: events ${contradicting.join(', ')}; run "session-ledger verify"\n`;
}
