import { SessionLedgerError } from '../errors.js';
import { openCheckpoint, type Checkpoint } from './checkpoint.js';
import { parseVerifierKey, type VerifierKey } from './note-key.js';
import type { TileFetch } from './tile-hashes.js';
import { CheckpointsBySize } from './verify-checkpoints.js';
import { FaultsByPlace } from './verify-faults.js';
import { EventOrder } from './verify-order.js';
import { rootOfTiles, TreeCheck } from './verify-tree.js';

/** Something that no honest log shows, and the leaf at which it shows. */
export interface Oddity {
  readonly leaf: number;
  /** A whole sentence but for its full stop: `event 7 stands in the ledger more than once`. */
  readonly sentence: string;
}

/** Leaves of a log that follow each other. */
export interface LeafStretch {
  /**
   * The leaves' bytes, out of the rows or files as they are now; undefined for one that is missing, `unreadableLeaf` for one that is
   * there and that no bytes can be made of.
   */
  readonly leaves: readonly (Uint8Array | undefined)[];
  /** What was found among them that belongs to no leaf, or about one that cannot be read. */
  readonly oddities?: readonly Oddity[];
}

/** A checkpoint in the list that a log keeps. */
export interface ListedCheckpoint {
  readonly note: string;
  /** What the log keeps beside it and does not agree with it. */
  readonly oddities?: readonly Oddity[];
}

/** A log as it is found: in a directory, or in a database. Nothing about it is believed. */
export interface LogUnderTest {
  /** The checkpoint that the log shows now. */
  readonly checkpoint: string;
  /** The checkpoints that it says it has published, by rising size; none when it keeps no list. */
  published(): AsyncIterable<ListedCheckpoint>;
  /** Its leaves in the order of the tree, at most up to `size`. */
  leaves(size: number): AsyncIterable<LeafStretch>;
  /** Its stored tiles. */
  readonly tile: TileFetch;
  /** What is to be found out in no stretch of leaves: rows in front of the first and behind the last. */
  readonly oddities?: () => AsyncIterable<Oddity>;
}

/** Stands for an event that is there and that no leaf can be made of; the hash of no bytes is that of no event. */
export const unreadableLeaf: Uint8Array = Buffer.alloc(0);

/** Whom to believe. */
export interface VerifierTrust {
  /** The log's public keys, as they were handed over by a way that is not the log's own: vkey lines. */
  readonly keys: readonly string[];
  /** Checkpoints that were kept outside, as their text: what convicts a log of having been rewritten as a whole. */
  readonly keptCheckpoints?: readonly string[];
  /**
   * Whether to follow each session from event to event, which takes memory for each session that has not ended. Default true; an
   * auditor that goes over the same sealed events again and again leaves it to the first round.
   */
  readonly followsSessions?: boolean;
}

/** What was found. */
export interface LogVerdict {
  /** Whether everything holds. */
  readonly holds: boolean;
  readonly origin: string | null;
  /** Leaves under the newest checkpoint. */
  readonly size: number;
  /** Checkpoints whose signature and root were checked. */
  readonly checkpoints: number;
  /** What does not hold, the first place first; empty when everything does. */
  readonly faults: readonly string[];
}

/**
 * Verifies a log as a whole: the signatures of its checkpoints, that the leaves as they are now add up to the roots that were signed,
 * that each checkpoint continues the one before it, that its stored tiles are those of the tree, and that the events tell sessions as
 * they can have happened. Uses nothing but the log, the keys and this code: no network, no database of its own.
 *
 * @param log the log as it is found.
 * @param trust the keys to believe, and checkpoints kept outside.
 * @returns what was found; a log that does not hold is a verdict, not an error.
 * @throws SessionLedgerError `ERR_INVALID_INPUT` for keys that are none; whatever the log's own readers throw.
 * @example
 * const { holds, faults } = await verifyLog(logInDirectory('/var/lib/ledger'), { keys: [vkey], keptCheckpoints: [note] });
 */
export async function verifyLog(log: LogUnderTest, trust: VerifierTrust): Promise<LogVerdict> {
  const check = new LogCheck(log, trust.keys.map(parseVerifierKey), trust.followsSessions ?? true);
  const newest = check.open(log.checkpoint, 'the newest checkpoint');
  const kept = (trust.keptCheckpoints ?? []).flatMap((note) => check.open(note, 'a checkpoint kept outside') ?? []);
  if (newest !== undefined) await check.walk(newest, kept);
  const faults = check.faults.inOrder();
  return {
    holds: faults.length === 0,
    origin: newest?.origin ?? null,
    size: newest?.size ?? 0,
    checkpoints: check.checkpoints,
    faults,
  };
}

/** One walk through a log, with what it finds on the way. */
class LogCheck {
  checkpoints = 0;
  readonly faults = new FaultsByPlace();
  private readonly tree: TreeCheck;
  private readonly order: EventOrder | undefined;
  /** The smallest size whose signed root the leaves do not add up to. */
  private brokenAt: number | undefined;

  constructor(
    private readonly log: LogUnderTest,
    private readonly keys: readonly VerifierKey[],
    followsSessions: boolean,
  ) {
    this.tree = new TreeCheck(log.tile);
    this.order = followsSessions ? new EventOrder() : undefined;
  }

  open(note: string, which: string): Checkpoint | undefined {
    const origin = note.slice(0, note.indexOf('\n'));
    const logKeys = this.keys.filter(({ name }) => name === origin);
    try {
      return openCheckpoint(note, { origin, logKeys }).checkpoint;
    } catch (cause) {
      if (!(cause instanceof SessionLedgerError)) throw cause;
      this.faults.add(0, `${which} is not signed by a key you trust, or was changed: ${cause.message}`);
      return undefined;
    }
  }

  async walk(newest: Checkpoint, kept: readonly Checkpoint[]): Promise<void> {
    for (const { size } of kept.filter(({ size }) => size > newest.size)) {
      this.faults.add(
        newest.size,
        `the log shows a checkpoint over ${newest.size} events, and you keep one over ${size}: the log went back, ` +
          'by an older checkpoint shown again, an older backup restored, or its end cut off',
      );
    }
    const reachable = [newest, ...kept.filter(({ size }) => size <= newest.size)];
    const awaited = new CheckpointsBySize(this.listed(), reachable);
    await awaited.advance();
    for await (const stretch of this.log.leaves(newest.size)) await this.take(stretch, awaited);
    for await (const oddity of this.log.oddities?.() ?? []) this.faults.add(oddity.leaf, oddity.sentence);
    await this.tree.finish();
    this.reportMissing(newest.size);
    await this.explain(newest);
  }

  private async *listed(): AsyncGenerator<Checkpoint> {
    for await (const { note, oddities = [] } of this.log.published()) {
      for (const { leaf, sentence } of oddities) this.faults.add(leaf, sentence);
      const opened = note === this.log.checkpoint ? undefined : this.open(note, 'a published checkpoint');
      if (opened !== undefined) yield opened;
    }
  }

  private reportMissing(sizeOfCheckpoint: number): void {
    const missing = [...this.tree.missing];
    const last = missing.at(-1);
    const isCutOff = this.tree.size < sizeOfCheckpoint || last?.end === sizeOfCheckpoint;
    if (isCutOff) {
      const end = last !== undefined && last.end === this.tree.size ? last.first : this.tree.size;
      if (end < this.tree.size) missing.pop();
      const sentence = `the checkpoint is over ${sizeOfCheckpoint} events and only ${end} are there: the end was cut off`;
      this.faults.add(end, sentence);
    }
    for (const { first, end } of missing) {
      this.faults.add(
        first,
        end - first === 1
          ? `leaf ${first} is missing: the event that was sealed there is no longer in the ledger`
          : `leaves ${first} to ${end - 1} are missing: the events that were sealed there are no longer in the ledger`,
      );
    }
  }

  /** Takes a stretch, stopping at the size of each checkpoint on the way to compare roots. */
  private async take({ leaves, oddities = [] }: LeafStretch, awaited: CheckpointsBySize): Promise<void> {
    const { tree } = this;
    for (const { leaf, sentence } of oddities) this.faults.add(leaf, sentence);
    const [first, end] = [tree.size, tree.size + leaves.length];
    if (this.order !== undefined) this.follow(this.order, leaves, first);
    while (tree.size < end) {
      const next = awaited.current;
      const until = next === undefined || next.size <= tree.size ? end : Math.min(end, next.size);
      await tree.append(tree.size === first && until === end ? leaves : leaves.slice(tree.size - first, until - first));
      for (let due = awaited.current; due !== undefined && due.size <= tree.size; due = awaited.current) {
        this.compareRoot(due);
        await awaited.advance();
      }
    }
  }

  private follow(order: EventOrder, leaves: LeafStretch['leaves'], first: number): void {
    for (let place = 0; place < leaves.length; place += 1) {
      const leaf = leaves[place];
      const fault = leaf === undefined || leaf.length === 0 ? order.passOver() : faultOf(order, leaf);
      if (fault !== undefined) this.faults.add(first + place, fault, true);
    }
  }

  private compareRoot({ size, root }: Checkpoint): void {
    this.checkpoints += 1;
    const isSame = size === this.tree.size && this.tree.root().equals(root);
    if (!isSame) this.brokenAt ??= size;
  }

  /** Leaves, stored tiles and signed roots: which of them stands against the two others? */
  private async explain(newest: Checkpoint): Promise<void> {
    const { differences } = this.tree;
    if (this.brokenAt === undefined) {
      for (const { level, index, leaf, what } of differences) {
        const which = level === 0 ? `hash of leaf ${index} (${what})` : `tile ${level}/${index}`;
        this.faults.add(leaf, `the stored ${which} was changed; the events themselves are those that were signed`);
      }
      return;
    }
    const changed = differences.filter(({ level }) => level === 0);
    for (const { index, what } of changed) {
      this.faults.add(
        index,
        `leaf ${index} is not what was sealed there: ${what} was changed, or put in the place of another`,
      );
    }
    const stored = changed.length > 0 ? await rootOfTiles(this.log.tile, newest.size) : undefined;
    if (stored?.equals(newest.root)) return;
    this.faults.add(
      this.brokenAt,
      `the first ${this.brokenAt} events do not add up to the root that was signed over them` +
        (changed.length > 0
          ? ', and neither do the stored tiles'
          : ', though they agree with the stored tiles: the ledger was rewritten as a whole, or this is the checkpoint of another'),
    );
  }
}

/** Nothing is known of a leaf's bytes, so whatever they do to who reads them is said of the leaf, and is no failure to check. */
function faultOf(order: EventOrder, leaf: Uint8Array): string | undefined {
  try {
    return order.next(leaf);
  } catch {
    // What depends on the event is not known from here on, as behind one that is missing.
    order.passOver();
    return 'a leaf cannot be read as an event';
  }
}
