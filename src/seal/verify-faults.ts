/** More of them say nothing new, and a ledger that was replaced would have one for each event. */
const mostFaults = 20;
/** Sorting at each would take a ledger that was replaced as a whole too long. */
const mostAtHand = 1_000;

interface Fault {
  readonly at: number;
  readonly sentence: string;
  readonly isConsequence: boolean;
}

/** What a walk through a log finds, and where: of any number of faults the first ones are kept, in whatever order they come. */
export class FaultsByPlace {
  private found: Fault[] = [];

  /**
   * @param at the leaf
   * @param sentence a whole sentence but for its full stop
   * @param isConsequence whether it may follow from another fault at the same leaf, which is then said first
   */
  add(at: number, sentence: string, isConsequence = false): void {
    this.found.push({ at, sentence, isConsequence });
    if (this.found.length >= mostAtHand) this.found = this.firstOnes();
  }

  /** The sentences, the first place first. */
  inOrder(): string[] {
    return this.firstOnes().map(({ sentence }) => sentence);
  }

  private firstOnes(): Fault[] {
    const inOrder = this.found.sort((a, b) => a.at - b.at || Number(a.isConsequence) - Number(b.isConsequence));
    return inOrder.slice(0, mostFaults);
  }
}
