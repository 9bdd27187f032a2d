import type { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { signCheckpoint } from './checkpoint.js';
import type { SignedCheckpoint } from './checkpoint-list.js';
import { publishedCheckpoint } from './checkpoint-published.js';
import { sizeSaid, type LogPlace } from './log-place.js';
import { formatVerifierKey } from './note-key.js';
import { PlaceFiles } from './place-files.js';
import { refuseOtherHistory, refuseStrangePlaces, type OwnHistory } from './published-history.js';
import type { RecentLeaves } from './recent-leaves.js';
import { listedKeys, newcomersOf } from './seal-keys.js';
import type { NoteSigner } from './signed-note.js';
import type { TreeHead } from './tree-store.js';

/** Under which name and keys a log is published, and where; nowhere but in the database when there are no places. */
export interface Publishing {
  readonly origin: string;
  readonly signers: readonly NoteSigner[];
  readonly places: readonly LogPlace[];
  readonly recent: RecentLeaves;
}

/** What a publication has done, in this order. Every step can be repeated: what a sealer that ended left undone, the next one does. */
export type PublishedStep = 'signed' | 'kept' | 'recorded' | 'some files' | 'all files' | 'published';

/** A place that could not be written to. */
export interface PlaceFailure {
  readonly place: LogPlace;
  readonly failure: SessionLedgerError;
}

const afterFailureMs = 5_000;

/**
 * The publication of a log by the one sealer of the moment. A signature can never be taken back, so the order is: the head is
 * committed; signed; kept in every place, where the next sealer will look; and only then recorded, which shows it to everybody who
 * asks. Tiles and entries follow, in slices, each place at its own pace.
 */
export class Publication {
  private readonly files: readonly PlaceFiles[];
  private readonly notBefore = new Map<LogPlace, number>();
  private newest: SignedCheckpoint | undefined;
  private history: OwnHistory;
  private hasKeys = false;

  private constructor(
    private readonly executor: Executor,
    private readonly publishing: Publishing,
    head: TreeHead,
    listed: readonly string[],
    private readonly reached: (step: PublishedStep) => void,
  ) {
    const own = publishing.signers.map(({ verifierKey }) => formatVerifierKey(verifierKey));
    this.history = { origin: publishing.origin, vkeys: [...new Set([...listed, ...own])], head };
    const written = (what: 'files' | 'checkpoint'): void => reached(what === 'files' ? 'some files' : 'all files');
    this.files = publishing.places.map((place) => new PlaceFiles(place, publishing.recent, written));
  }

  /**
   * Takes a publication up where the last sealer left it.
   *
   * @param executor connections of the sealer's role.
   * @param head the newest that is committed.
   * @param reached told of each step.
   * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` where sealing could contradict what was published.
   */
  static async takeUp(
    executor: Executor,
    publishing: Publishing,
    head: TreeHead,
    reached: (step: PublishedStep) => void,
  ): Promise<Publication> {
    const listed = (await listedKeys(executor)).map(({ vkey }) => vkey);
    const publication = new Publication(executor, publishing, head, listed, reached);
    const { places, origin } = publishing;
    for (const place of places) await place.prepare();
    const published = await publishedCheckpoint(executor, origin);
    const kept = await publication.refuseOtherHistories(published?.size ?? 0);
    refuseStrangePlaces(places, published?.size ?? 0, kept);
    publication.newest = published;
    return publication;
  }

  /**
   * Signs the newest head, once, and publishes it.
   *
   * @param head a head whose commit has returned.
   * @throws what keeps it from being signed, kept and recorded: then nobody has seen it but the places.
   */
  async announce(head: TreeHead): Promise<void> {
    this.history = { ...this.history, head };
    await this.refuseOtherHistories(this.newest?.size ?? 0);
    if (head.size === 0 || this.newest?.size === head.size) return;
    const { origin, signers, places } = this.publishing;
    const checkpoint = { origin, size: head.size, root: head.root, extensions: [] };
    const note = await signCheckpoint(checkpoint, signers);
    this.reached('signed');
    for (const place of places) await place.keepSigned(note, head.size);
    this.reached('kept');
    await this.record({ size: head.size, note });
    this.newest = { size: head.size, note };
    this.reached('recorded');
  }

  /**
   * Brings every place one slice nearer to the newest checkpoint. A place that fails is left alone for a while, and the others go on.
   *
   * @returns whether something is left to be written, and what failed.
   */
  async bringPlacesNearer(): Promise<{ isBehind: boolean; failures: PlaceFailure[] }> {
    const { newest, history } = this;
    const failures: PlaceFailure[] = [];
    let isBehind = false;
    for (const files of newest === undefined ? [] : this.files) {
      const { place } = files;
      if (performance.now() < (this.notBefore.get(place) ?? 0)) continue;
      try {
        const isThere = await files.advance(this.executor, history, newest!);
        if (isThere) {
          this.reached('published');
          if (files.hasWritten()) this.notBefore.set(place, performance.now() + place.pauseMs);
        }
        isBehind ||= !isThere;
      } catch (failure) {
        this.notBefore.set(place, performance.now() + afterFailureMs);
        failures.push({ place, failure: toSessionLedgerError(failure) });
      }
    }
    return { isBehind, failures };
  }

  /** Compares what the places keep with the database: another sealer, on another server, may have signed since. */
  private async refuseOtherHistories(fromSize: number): Promise<number> {
    let newestKept = 0;
    for (const files of this.files) {
      const { place } = files;
      const note = await place.signed(fromSize);
      if (note !== undefined && note !== this.newest?.note)
        await refuseOtherHistory(this.executor, this.history, place, note);
      newestKept = Math.max(newestKept, note === undefined ? 0 : sizeSaid(note));
      if (this.newest !== undefined && (note === undefined || sizeSaid(note) < this.newest.size)) {
        // A place that is new, or was emptied under our feet.
        await place.keepSigned(this.newest.note, this.newest.size);
        this.hasKeys = false;
        files.lookAgain();
      }
    }
    return newestKept;
  }

  /** A key joins with the first checkpoint that it signed beside one that is listed, and the list of each place with it. */
  private async record({ size, note }: SignedCheckpoint): Promise<void> {
    const { origin, signers, places } = this.publishing;
    const listed = await listedKeys(this.executor);
    const newcomers = newcomersOf(origin, signers, listed);
    const all = [...listed.map(({ vkey }) => vkey), ...newcomers];
    if (newcomers.length > 0 || !this.hasKeys) for (const place of places) await writeKeys(place, all, newcomers);
    this.hasKeys = true;
    await recordCheckpoint(this.executor, origin, size, note, newcomers);
  }
}

const recordCheckpointSql = `
WITH joined AS (
  INSERT INTO session_ledger.seal_key (vkey, origin, first_size)
  SELECT k.vkey, $1, $2 FROM unnest($4::text[]) AS k(vkey) ON CONFLICT DO NOTHING)
INSERT INTO session_ledger.published_checkpoint (origin, size, note) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`;

async function recordCheckpoint(
  executor: Executor,
  origin: string,
  size: number,
  note: string,
  newcomers: readonly string[],
): Promise<void> {
  const values = [origin, size, note, newcomers];
  await queryRows(executor, { name: 'record_checkpoint', text: recordCheckpointSql, values });
}

/**
 * A place has a list of keys of its own: who can write to the database alone cannot add to it. Only where it has none yet, the
 * database's is taken.
 */
async function writeKeys(place: LogPlace, all: readonly string[], newcomers: readonly string[]): Promise<void> {
  const found = (await place.read('keys'))?.toString().split('\n').filter(Boolean);
  const keys = found === undefined ? all : [...found, ...newcomers.filter((vkey) => !found.includes(vkey))];
  if (found?.length === keys.length) return;
  await place.write([{ path: 'keys', content: keys.map((vkey) => `${vkey}\n`).join(''), isFinal: false }]);
}
