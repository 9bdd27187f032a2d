import { microsecondsOf, type Instant } from '../ledger/instant.js';
import { idWords } from './verify-session-table.js';

const wordLength = 4;
const usedWord = Buffer.from('used').readUInt32BE(0);
const idLength = '"019cb6a3-f000-7abc-8def-0123456789ab"'.length;
const usedLength = '"used"'.length;

/** A member of a leaf as it stands before its value, to be compared four bytes at a time. */
export class Member {
  readonly length: number;
  /** The first four bytes, which tell most members apart. */
  readonly first: number;
  /** The others, in words; the last one may overlap the one before it. */
  readonly places: readonly number[];
  readonly words: readonly number[];
  /** For a member that is an instant: the minute that it was last in, as four words, and in microseconds. */
  minute = { first: 0, second: 0, third: 0, fourth: 0, microseconds: Number.NaN };

  constructor(name: string) {
    const text = Buffer.from(`"${name}":`);
    this.length = text.length;
    this.first = text.readUInt32BE(0);
    const last = text.length - wordLength;
    const count = Math.ceil(last / wordLength);
    this.places = Array.from({ length: count }, (_, index) => Math.min((index + 1) * wordLength, last));
    this.words = this.places.map((place) => text.readUInt32BE(place));
  }
}

const quote = 0x22;
const comma = 0x2c;
const point = 0x2e;
const zero = 0x30;
const colon = 0x3a;
const letterZAndQuote = 0x5a22;
const backslash = 0x5c;
const opening = 0x7b;
const closing = 0x7d;
const firstBeyondAscii = 0x80;
const instantLength = '2026-03-04T02:14:00.000000Z'.length;
const minuteLength = '2026-03-04T02:14'.length;

/** What two bytes stand for when they are digits; else a number that no two digits and no OR of them is. */
const noPair = 128;
const pairs = new Uint8Array(2 ** 16).fill(noPair);
for (let pair = 0; pair < 100; pair += 1) pairs[Buffer.from(String(pair).padStart(2, '0')).readUInt16BE()] = pair;

/**
 * Walks over a leaf from member to member, in the order in which canonical JSON has them. A member that is not the next one is absent.
 * Where something is not as the ledger writes it, the walk ends: nothing more is found, and it is not at the end.
 */
export class LeafWalk {
  private leaf: Buffer = Buffer.alloc(0);
  private view = new DataView(this.leaf.buffer);
  /** The leaf's first byte within the view, and the one behind its last. */
  private start = 0;
  private end = 0;
  /** Where the next member begins, and its first word. */
  private at = 0;
  private next = 0;
  private objectFrom = 0;
  private objectEnd = 0;

  begin(leaf: Uint8Array): void {
    // Leaves of a bundle are views of one buffer; to make a view of each would cost as much as walking it.
    if (this.view.buffer !== leaf.buffer) {
      this.view = new DataView(leaf.buffer);
      this.leaf = Buffer.from(leaf.buffer);
    }
    this.start = leaf.byteOffset;
    this.end = leaf.byteOffset + leaf.byteLength;
    this.goOnAt(this.end > this.start && this.view.getUint8(this.start) === opening ? this.start + 1 : 0);
  }

  get isAtEnd(): boolean {
    return this.at === this.end;
  }

  instant(member: Member): number | undefined {
    const from = this.valueOf(member);
    if (from === 0) return undefined;
    const value = from + instantLength + 2 < this.end ? this.instantAt(member, from + 1) : Number.NaN;
    this.goOnBehind(Number.isNaN(value) ? 0 : from + instantLength + 2);
    return value;
  }

  text(member: Member): string | undefined {
    const from = this.valueOf(member);
    return from === 0 ? undefined : this.textAt(from);
  }

  /**
   * An id of 36 characters as nine words, whatever they are: it is compared with ids alone, so anything else is found to be none of them.
   *
   * @param words where they are written
   * @returns whether there is one
   */
  id(member: Member, words: Int32Array): boolean {
    const from = this.valueOf(member);
    if (from === 0) return false;
    const end = from + idLength;
    const isId = end < this.end && this.view.getUint8(from) === quote && this.view.getUint8(end - 1) === quote;
    if (isId) {
      for (let word = 0; word < idWords; word += 1) words[word] = this.view.getInt32(from + 1 + word * wordLength);
    }
    this.goOnBehind(isId ? end : 0);
    return isId;
  }

  /** A text that is a kind of event; the commonest is recognised without making a string of it. */
  kind(member: Member): string | undefined {
    if (this.next !== member.first) return undefined;
    const from = this.valueOf(member);
    if (from === 0) return undefined;
    if (from + usedLength >= this.end || this.view.getUint32(from + 1) !== usedWord) return this.textAt(from);
    this.goOnBehind(this.view.getUint8(from) === quote && this.view.getUint8(from + 5) === quote ? from + 6 : 0);
    return 'used';
  }

  passText(member: Member): void {
    const from = this.valueOf(member);
    if (from !== 0) this.goOnBehind(this.endOfText(from));
  }

  number(member: Member): number | undefined {
    const from = this.valueOf(member);
    return from === 0 ? undefined : this.numberAt(from, 0);
  }

  quotedNumber(member: Member): number | undefined {
    const from = this.valueOf(member);
    return from === 0 ? undefined : this.numberAt(from + 1, 1);
  }

  /** Passes over an object, which `passedObject` reads if it is asked for. */
  passObject(member: Member): void {
    this.objectFrom = this.valueOf(member);
    if (this.objectFrom === 0) return;
    this.objectEnd = this.endOfObject(this.objectFrom);
    this.goOnBehind(this.objectEnd);
  }

  /** The text of the object that was passed over; undefined where there was none. */
  passedObject(): string | undefined {
    return this.objectFrom === 0 ? undefined : this.leaf.toString('utf8', this.objectFrom, this.objectEnd);
  }

  /** Where the value of the member begins; 0 when the next member is another. */
  private valueOf({ first, length, places, words }: Member): number {
    if (this.next !== first || this.at + length >= this.end) return 0;
    for (let index = 0; index < places.length; index += 1) {
      if (this.view.getUint32(this.at + places[index]!) !== words[index]) return 0;
    }
    return this.at + length;
  }

  private goOnBehind(end: number): void {
    if (end === 0 || end >= this.end) return this.goOnAt(0);
    const mark = this.view.getUint8(end);
    const isLast = end + 1 === this.end;
    this.goOnAt(mark === (isLast ? closing : comma) ? end + 1 : 0);
  }

  private goOnAt(at: number): void {
    this.at = at;
    this.next = at > 0 && at + wordLength <= this.end ? this.view.getUint32(at) : 0;
  }

  private textAt(from: number): string {
    const end = this.endOfText(from);
    this.goOnBehind(end);
    return this.leaf.toString('latin1', from + 1, end - 1);
  }

  /** Behind the closing mark of a text without escapes and beyond ASCII; else 0. */
  private endOfText(from: number): number {
    const { view, end } = this;
    if (view.getUint8(from) !== quote) return 0;
    for (let at = from + 1; at < end; at += 1) {
      const byte = view.getUint8(at);
      if (byte === quote) return at + 1;
      if (byte === backslash || byte >= firstBeyondAscii) return 0;
    }
    return 0;
  }

  private numberAt(from: number, marks: 0 | 1): number {
    const { view, end } = this;
    let value = 0;
    let at = from;
    for (; at < end; at += 1) {
      const digit = view.getUint8(at) - zero;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const isQuoted = marks === 0 || (at < end && view.getUint8(from - 1) === quote && view.getUint8(at) === quote);
    this.goOnBehind(at > from && isQuoted ? at + marks : 0);
    return value;
  }

  private endOfObject(from: number): number {
    const { view, end } = this;
    let depth = 0;
    let isInText = false;
    if (view.getUint8(from) !== opening) return 0;
    for (let at = from; at < end; at += 1) {
      const byte = view.getUint8(at);
      if (byte === quote) isInText = !isInText;
      else if (isInText && byte === backslash) at += 1;
      else if (!isInText && byte === opening) depth += 1;
      else if (!isInText && byte === closing && --depth === 0) return at + 1;
    }
    return 0;
  }

  /** NaN for what is no instant. Most instants lie in the same minute as the one before them. */
  private instantAt(member: Member, from: number): number {
    const { view } = this;
    const { first, second, third, fourth } = member.minute;
    const isSameMinute =
      view.getUint32(from) === first &&
      view.getUint32(from + 4) === second &&
      view.getUint32(from + 8) === third &&
      view.getUint32(from + 12) === fourth;
    if (!isSameMinute) this.readMinute(member, from);
    const isWritten =
      view.getUint8(from - 1) === quote &&
      view.getUint8(from + 16) === colon &&
      view.getUint8(from + 19) === point &&
      view.getUint16(from + 26) === letterZAndQuote;
    const seconds = pairs[view.getUint16(from + 17)]!;
    const high = pairs[view.getUint16(from + 20)]!;
    const middle = pairs[view.getUint16(from + 22)]!;
    const low = pairs[view.getUint16(from + 24)]!;
    if (!isWritten || seconds > 59 || (high | middle | low) >= noPair) return Number.NaN;
    return member.minute.microseconds + seconds * 1_000_000 + high * 10_000 + middle * 100 + low;
  }

  private readMinute(member: Member, from: number): void {
    const { view } = this;
    const microseconds = microsecondsAt(`${this.leaf.toString('latin1', from, from + minuteLength)}:00.000000Z`);
    const [first, second] = [view.getUint32(from), view.getUint32(from + 4)];
    member.minute = { first, second, third: view.getUint32(from + 8), fourth: view.getUint32(from + 12), microseconds };
  }
}

/**
 * Microseconds since 1970 UTC as a number.
 *
 * @returns NaN for what is not the text of an instant.
 * @example
 * microsecondsAt('1970-01-01T00:00:00.000001Z'); // 1
 */
export function microsecondsAt(text: string): number {
  try {
    return Number(microsecondsOf(text as Instant));
  } catch {
    // Not the text of an instant, which is for the caller to judge.
    return Number.NaN;
  }
}
