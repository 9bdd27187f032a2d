import type { SealedAnswer } from '../query/compared-page.js';
import type { InJson } from './in-json.js';

/** The checkpoint that seals what was answered. */
export class SealedByAnswer {
  /**
   * Events under it.
   * @example 2048
   */
  size!: number;
  /**
   * Base64, as in the signed note.
   * @example 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg='
   */
  rootHash!: string;
}

/** How what was answered stands to the seals. */
export class ComparedAnswer implements InJson<SealedAnswer> {
  /**
   * Events that are not what was sealed, or not of the user that is named; what rests on them is unknown.
   * @example []
   */
  contradicting!: number[];
  /**
   * Whether a published checkpoint covers everything that was answered.
   * @example true
   */
  sealed!: boolean;
  /** Null: not sealed yet. */
  checkpoint!: SealedByAnswer | null;
}
