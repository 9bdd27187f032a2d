/** Words of four bytes in which the 36 characters of a session's id are kept and compared. */
export const idWords = 9;

/** A record is nine doubles: the id and the number of the latest event in the first five of them as ten words, then four times. */
const recordDoubles = 9;
const recordWords = recordDoubles * 2;
const firstTime = (idWords + 1) / 2;
const firstCapacity = 4_096;
const none = -1;

/**
 * Where each session that has not ended stands, by its id. In typed arrays of its own: with a Map of objects the verification of a log
 * took a fifth longer, and one Map holds 16.7 million entries at most.
 *
 * Slots are numbers; one is valid from `add` until `remove`.
 */
export class SessionTable {
  private capacity = firstCapacity;
  private heads = new Int32Array(firstCapacity).fill(none);
  /** The next slot under the same head, or the next free one. */
  private nextSlots = new Int32Array(firstCapacity);
  private doubles = new Float64Array(firstCapacity * recordDoubles);
  /** The same bytes: what is looked into together lies together, since each other place is another wait for memory. */
  private words = new Int32Array(this.doubles.buffer);
  private owners: (string | undefined)[] = [];
  private firstFree = none;
  private used = 0;

  /** @returns the session's slot; -1 for one that is not here. */
  find(id: Int32Array): number {
    let slot = this.heads[this.headOf(id)]!;
    while (slot !== none && !this.isAt(slot, id)) slot = this.nextSlots[slot]!;
    return slot;
  }

  /** Adds a session that is not here. */
  add(id: Int32Array): number {
    if (this.firstFree === none && this.used === this.capacity) this.grow();
    const slot = this.firstFree === none ? this.used++ : this.firstFree;
    if (slot === this.firstFree) this.firstFree = this.nextSlots[slot]!;
    this.words.set(id, slot * recordWords);
    this.link(slot, this.headOf(id));
    return slot;
  }

  remove(id: Int32Array, slot: number): void {
    const head = this.headOf(id);
    let before = none;
    for (let at = this.heads[head]!; at !== slot; at = this.nextSlots[at]!) before = at;
    if (before === none) this.heads[head] = this.nextSlots[slot]!;
    else this.nextSlots[before] = this.nextSlots[slot]!;
    this.nextSlots[slot] = this.firstFree;
    this.firstFree = slot;
    this.owners[slot] = undefined;
  }

  clear(): void {
    this.heads.fill(none);
    this.owners = [];
    this.firstFree = none;
    this.used = 0;
  }

  /** Number of the latest event within the session. */
  sessionSeq(slot: number): number {
    return this.words[slot * recordWords + idWords]!;
  }

  /** When the latest event happened. */
  occurredAt(slot: number): number {
    return this.doubles[slot * recordDoubles + firstTime]!;
  }

  /** The deadline that holds since. */
  expiresAt(slot: number): number {
    return this.doubles[slot * recordDoubles + firstTime + 1]!;
  }

  absoluteExpiresAt(slot: number): number {
    return this.doubles[slot * recordDoubles + firstTime + 2]!;
  }

  idleMicroseconds(slot: number): number {
    return this.doubles[slot * recordDoubles + firstTime + 3]!;
  }

  /** Whose session it is, and in which application; undefined where its creation was not seen. */
  owner(slot: number): string | undefined {
    return this.owners[slot];
  }

  setLatest(slot: number, sessionSeq: number, occurredAt: number, expiresAt: number): void {
    this.words[slot * recordWords + idWords] = sessionSeq;
    this.doubles[slot * recordDoubles + firstTime] = occurredAt;
    this.doubles[slot * recordDoubles + firstTime + 1] = expiresAt;
  }

  setTerms(slot: number, absoluteExpiresAt: number, idleMicroseconds: number): void {
    this.doubles[slot * recordDoubles + firstTime + 2] = absoluteExpiresAt;
    this.doubles[slot * recordDoubles + firstTime + 3] = idleMicroseconds;
  }

  setOwner(slot: number, owner: string | undefined): void {
    this.owners[slot] = owner;
  }

  private link(slot: number, head: number): void {
    this.nextSlots[slot] = this.heads[head]!;
    this.heads[head] = slot;
  }

  private isAt(slot: number, id: Int32Array): boolean {
    const from = slot * recordWords;
    // The last words of a UUID are its random ones, so that another one is told apart at once.
    for (let word = idWords - 1; word >= 0; word -= 1) if (this.words[from + word] !== id[word]) return false;
    return true;
  }

  /** The last three words are twelve random digits of a UUIDv7; the multipliers spread them over the heads. */
  private headOf(id: Int32Array): number {
    const mixed =
      Math.imul(id[idWords - 1]!, 0x9e3779b1) ^
      Math.imul(id[idWords - 2]!, 0x85ebca6b) ^
      Math.imul(id[idWords - 3]!, 0xc2b2ae35);
    return (mixed ^ (mixed >>> 15)) & (this.capacity - 1);
  }

  private grow(): void {
    this.capacity *= 2;
    const { doubles, nextSlots } = this;
    this.doubles = new Float64Array(this.capacity * recordDoubles);
    this.doubles.set(doubles);
    this.words = new Int32Array(this.doubles.buffer);
    this.nextSlots = new Int32Array(this.capacity);
    this.nextSlots.set(nextSlots);
    this.heads = new Int32Array(this.capacity).fill(none);
    for (let slot = 0; slot < this.used; slot += 1) {
      const from = slot * recordWords;
      this.link(slot, this.headOf(this.words.subarray(from, from + idWords)));
    }
  }
}
