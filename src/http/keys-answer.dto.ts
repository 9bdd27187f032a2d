import type { KeyOfLedger } from '../seal/proof-of-event.js';
import type { InJson } from './in-json.js';

/** A public key of the ledger, and from which checkpoint on it signs. */
export class KeyOfLedgerAnswer implements InJson<KeyOfLedger> {
  /** @example 'ledger.example/1f2e3d4c+9b6c7f63+AZtsf2P4Vd0mZ8m1b2V0Zm9vYmFyYmF6cXV4cXV1eA==' */
  vkey!: string;
  /** @example 'ledger.example/1f2e3d4c' */
  origin!: string;
  /**
   * The size of the first checkpoint that it signed.
   * @example 17
   */
  firstSize!: number;
}

/** Every key that has ever signed for this ledger, the oldest first. */
export class KeysOfLedgerAnswer {
  items!: KeyOfLedgerAnswer[];
}
