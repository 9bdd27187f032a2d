import { SessionLedgerError } from '../errors.js';

/** Work of which so much is done at once and no more, because each piece keeps a large file on disk. */
export class LimitedWork {
  private underWay = 0;

  /** @param what is being done, for whoever is turned away. */
  constructor(
    private readonly atOnce: number,
    private readonly what: string,
  ) {}

  /** @throws SessionLedgerError `ERR_LEDGER_BUSY` when there is enough to do. */
  async run(work: () => Promise<void>): Promise<void> {
    if (this.underWay === this.atOnce)
      throw new SessionLedgerError('ERR_LEDGER_BUSY', `${this.atOnce} ${this.what}; send this later`, {
        retryAfterSeconds: 5,
      });
    this.underWay += 1;
    try {
      await work();
    } finally {
      this.underWay -= 1;
    }
  }
}
