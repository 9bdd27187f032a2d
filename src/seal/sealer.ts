import type { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { ledgerDataSource } from '../ledger/ledger-data-source.js';
import { queryRows } from '../ledger/named-query.js';
import { connectPinned } from '../ledger/pinned-client.js';
import { RepeatingTask } from '../ledger/repeating-task.js';
import { defaultRolePrefix, roleName } from '../ledger/role-names.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { GrowingTree } from './growing-tree.js';
import { sealWhatIsComplete, type SealedTree } from './grown-stretch.js';
import type { LogPlace } from './log-place.js';
import { openOrigin } from './new-origin.js';
import { Publication, type PublishedStep } from './publication.js';
import { RecentLeaves } from './recent-leaves.js';
import { refuseNumbersDrawnAhead } from './seal-fence.js';
import { keysOfOthers, listedKeys, signersOf, type KeyInHand } from './seal-keys.js';
import { newestHead, storedTiles, type TreeHead } from './tree-store.js';

/** What a sealer does: seal, publish at all, publish in one place. */
export type SealerWork = 'seal' | 'publish' | LogPlace['kind'];

/** How a sealer reaches the ledger, what it signs with, and where it publishes. */
export interface SealerOptions {
  url: string;
  /** `none` where the ledger has no roles of its own. */
  role: 'sealer' | 'none';
  rolePrefix?: string;
  /** One, or two while the second takes over from the first. */
  signingKeys: readonly KeyInHand[];
  /** The name of the log, by convention a URL without scheme; when omitted, the one it has, else one made of the key. */
  origin?: string | undefined;
  /**
   * Where checkpoint, tiles and entries are published. None: in the database alone, and nothing tells whether a restored database was
   * sealed further before.
   */
  places: readonly LogPlace[];
  /** The last checkpoint under the name before, where `origin` is a new name for a log that had another. */
  previousCheckpoint?: string | undefined;
  /** Milliseconds between two seals; 500 when omitted. */
  everyMs?: number;
  /** Milliseconds between two checkpoints; 1,000 when omitted. */
  publishEveryMs?: number;
  /** Told of everything that was not done; the sealer goes on by itself. */
  onFailure: (failure: SessionLedgerError, work: SealerWork) => void;
  /**
   * Told when the log turns out to be sealed with other keys, by another instance; this one then looks again once a minute. When
   * omitted, that is a failure.
   */
  onOthersSeal?: (message: string) => void;
  /** Told of each step as it is done. */
  onStep?: (step: 'committed' | PublishedStep) => void;
}

const afterFailureMs = 5_000;
const othersSealForMs = 60_000;

/** A sealer of a connection: it holds the lock, and has the tree at hand. */
interface Standing extends SealedTree {
  readonly publication: Publication;
  /** The first checkpoint has to cover events up to it. */
  readonly firstSeq: number;
}

/**
 * Seals the ledger: what is complete becomes leaves of the tree, the tree's head is committed, then signed, then published. Every
 * instance runs one, on connections of its own; an advisory lock keeps one at work and lets another take over, and the unique
 * `prev_size` of a head stops a second one that believes to have the lock. Publishing goes on beside sealing: a slow place, or one
 * that fails, holds no seal up.
 *
 * @example
 * const sealer = new Sealer({ url, role: 'sealer', signingKeys: [pem], places: [new LogDirectory('/srv/ledger')], onFailure: report });
 * sealer.start();
 */
export class Sealer {
  readonly #sealing: RepeatingTask;
  readonly #publishing: RepeatingTask;
  #client: Client | undefined;
  #pool: DataSource | undefined;
  #standing: Standing | undefined;
  #othersSealUntil = 0;

  constructor(private readonly options: SealerOptions) {
    const task = (work: SealerWork, everyMs: number, run: (stopping: AbortSignal) => Promise<void>): RepeatingTask =>
      new RepeatingTask({ everyMs, afterFailureMs, run, onFailure: (failure) => this.#tell(failure, work) });
    this.#sealing = task('seal', options.everyMs ?? 500, (stopping) => this.#seal(stopping));
    this.#publishing = task('publish', options.publishEveryMs ?? 1_000, (stopping) => this.#publish(stopping));
  }

  start(): void {
    this.#sealing.start();
    this.#publishing.start();
  }

  /** Stops, and resolves when what was begun is done or given up; the next sealer goes on where this one ended. */
  async stop(): Promise<void> {
    const stopped = Promise.all([this.#sealing.stop(), this.#publishing.stop()]);
    for (const place of this.options.places) place.giveUp();
    await stopped;
    await this.#disconnect();
  }

  /** Whether this is the sealer that is at work. */
  get isAtWork(): boolean {
    return this.#standing !== undefined;
  }

  /**
   * Seals and publishes all that is complete now. Does nothing while another instance is the sealer.
   *
   * @throws SessionLedgerError `ERR_EVIDENCE_REJECTED` where sealing would contradict what was published, `ERR_CONFIGURATION` for
   *   keys that are not the log's, and what pg throws.
   */
  async sealOnce(stopping: AbortSignal = new AbortController().signal): Promise<void> {
    await this.#seal(stopping);
    const failures: unknown[] = [];
    await this.#publish(stopping, (failure) => failures.push(failure));
    if (failures.length > 0) throw failures[0];
  }

  async #seal(stopping: AbortSignal): Promise<void> {
    if (performance.now() < this.#othersSealUntil) return;
    try {
      const standing = (this.#standing ??= await this.#takeStand());
      if (standing === undefined) return;
      await sealWhatIsComplete(this.#client!, standing, stopping, () => this.options.onStep?.('committed'));
    } catch (failure) {
      await this.#disconnect();
      throw failure;
    }
  }

  /** Signs the newest head, then writes slice after slice; while much is left to write, newer heads are signed in between. */
  async #publish(
    stopping: AbortSignal,
    failed = (failure: SessionLedgerError, place: LogPlace): void => this.#tell(failure, place.kind),
  ): Promise<void> {
    const { publishEveryMs = 1_000 } = this.options;
    const standing = this.#standing;
    if (standing === undefined || standing.head.lastSeq < standing.firstSeq) return;
    let announcedAt = Number.NEGATIVE_INFINITY;
    for (let isBehind = true; isBehind && !stopping.aborted;) {
      if (performance.now() - announcedAt >= publishEveryMs) {
        announcedAt = performance.now();
        await this.#announce(standing);
      }
      const outcome = await standing.publication.bringPlacesNearer();
      for (const { failure, place } of outcome.failures) failed(failure, place);
      isBehind = outcome.isBehind && this.#standing === standing;
    }
  }

  async #announce(standing: Standing): Promise<void> {
    try {
      await standing.publication.announce(standing.head);
    } catch (failure) {
      // What contradicts the database will not pass by itself: the next stand is taken on what is found then.
      if (failure instanceof SessionLedgerError && failure.code === 'ERR_EVIDENCE_REJECTED') this.#standing = undefined;
      throw failure;
    }
  }

  #tell(failure: unknown, work: SealerWork): void {
    this.options.onFailure(toSessionLedgerError(failure), work);
  }

  async #takeStand(): Promise<Standing | undefined> {
    const client = (this.#client ??= await this.#connect());
    if (!(await lockOtherSealersOut(client))) return undefined;
    await refuseNumbersDrawnAhead(client);
    const listed = await listedKeys(client);
    const { signingKeys, places, onStep = () => undefined } = this.options;
    const { origin, signers } = signersOf(signingKeys, this.options.origin, listed);
    const others = keysOfOthers(origin, signers, listed);
    if (others.length > 0) return this.#leaveItToOthers(origin, others);
    const head = await newestHead(client);
    const pool = (this.#pool ??= await this.#openPool());
    const recent = new RecentLeaves();
    const publication = await Publication.takeUp(pool, { origin, signers, places, recent }, head, onStep);
    const firstSeq = await openOrigin(client, origin, listed, this.options.previousCheckpoint);
    return { head, tree: await treeAt(client, head), recent, publication, firstSeq };
  }

  async #leaveItToOthers(origin: string, keys: readonly string[]): Promise<undefined> {
    const { onOthersSeal } = this.options;
    const message = `${origin} is sealed with other keys than this instance has (${keys.join(', ')})`;
    if (onOthersSeal === undefined) {
      throw new SessionLedgerError(
        'ERR_CONFIGURATION',
        `${message}. Give it one of them, or, to change keys, sign with the old and the new one for a while; without the old key, name a new origin`,
      );
    }
    if (this.#othersSealUntil === 0) onOthersSeal(message);
    this.#othersSealUntil = performance.now() + othersSealForMs;
    await this.#disconnect();
    return undefined;
  }

  #connect(): Promise<Client> {
    const { url, role, rolePrefix = defaultRolePrefix } = this.options;
    return connectPinned({
      url,
      applicationName: 'session-ledger sealer',
      pins: {
        role: role === 'none' ? undefined : roleName(rolePrefix, role),
        statementTimeoutMs: 60_000,
        lockTimeoutMs: 5_000,
        idleInTransactionTimeoutMs: 30_000,
      },
    });
  }

  #openPool(): Promise<DataSource> {
    const { url, role, rolePrefix = defaultRolePrefix } = this.options;
    const applicationName = 'session-ledger publisher';
    return ledgerDataSource({ url, role, rolePrefix, poolSize: 2, applicationName }).initialize();
  }

  async #disconnect(): Promise<void> {
    const [client, pool] = [this.#client, this.#pool];
    this.#client = undefined;
    this.#pool = undefined;
    this.#standing = undefined;
    await Promise.all([client?.end(), pool?.destroy()]);
  }
}

const lockSealersOutSql = `
SELECT pg_try_advisory_lock(hashtextextended('session_ledger.seal', 0)) AS locked`;

async function lockOtherSealersOut(client: Client): Promise<boolean> {
  const statement = { name: 'lock_sealers_out', text: lockSealersOutSql, values: [] };
  return (await queryRows<{ locked: boolean }>(client, statement))[0]!.locked;
}

async function treeAt(client: Client, head: TreeHead): Promise<GrowingTree> {
  if (head.size === 0) return GrowingTree.empty();
  const tree = await GrowingTree.resume(head.size, storedTiles(client));
  if (tree.root().equals(head.root)) return tree;
  throw new SessionLedgerError(
    'ERR_EVIDENCE_REJECTED',
    `refusing to seal: the stored tiles do not add up to the root over ${head.size} events; run "session-ledger verify"`,
  );
}
