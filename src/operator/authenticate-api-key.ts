import type { DataSource } from 'typeorm';
import { apiKeyDigest, type ApiKey } from './api-key.js';
import { explainedRows } from './explained-query.js';

/** Every authenticated request waits for these statements, one at a time: a server that is gone must not hold them for long. */
const answerWithinMs = 5_000;

interface Lookup {
  readonly keyDigest: Buffer;
  readonly holder: Promise<ApiKey | undefined>;
  readonly answer: (holder: ApiKey | undefined) => void;
  readonly fail: (failure: unknown) => void;
}

// A statement that takes longer than this may be lost in the network: those who came after it no longer wait for it.
const patienceMs = 250;

/**
 * Tells who holds an API key. Nothing is cached, or a revoked key would be let through for as long as that lasts: each
 * key is looked up by a statement that begins after it was presented. While one statement runs, the keys presented
 * meanwhile gather for the next, so that a busy service asks a few thousand times a second and not once per request.
 */
export class ApiKeyAuthentication {
  private gathered = new Map<string, Lookup>();
  private isReading = false;
  private readonly dueForNote = new Set<string>();
  private isNoting = false;

  constructor(private readonly writer: DataSource) {}

  /**
   * Who holds this key; undefined for a key that was revoked, never was, or cannot be one.
   *
   * @throws SessionLedgerError `ERR_LEDGER_UNAVAILABLE` and the like when the database does not say.
   * @example
   * const holder = await authentication.holderOf(bearer); // { name: 'fraud desk', roles: ['analyst'], … }
   */
  async holderOf(key: string): Promise<ApiKey | undefined> {
    const keyDigest = apiKeyDigest(key);
    if (keyDigest === undefined) return undefined;
    const name = keyDigest.toString('hex');
    const lookup = this.gathered.get(name) ?? newLookup(keyDigest);
    this.gathered.set(name, lookup);
    if (!this.isReading) void this.readGathered();
    return lookup.holder;
  }

  private async readGathered(): Promise<void> {
    this.isReading = true;
    while (this.gathered.size > 0) {
      const lookups = this.gathered;
      this.gathered = new Map();
      await atMost(patienceMs, this.answer(lookups));
    }
    this.isReading = false;
  }

  /** Never rejects: a failure goes to those who wait for it. */
  private async answer(lookups: ReadonlyMap<string, Lookup>): Promise<void> {
    try {
      const found = await findLiveKeys(
        this.writer,
        [...lookups.values()].map(({ keyDigest }) => keyDigest),
      );
      const holders = new Map(found.map((key) => [key.keyDigest.toString('hex'), apiKeyOf(key)]));
      for (const [name, { answer }] of lookups) answer(holders.get(name));
      void this.noteUses(found.filter(({ isUseDue }) => isUseDue).map(({ apiKeyId }) => apiKeyId));
    } catch (failure) {
      for (const { fail } of lookups.values()) fail(failure);
    }
  }

  /** Out of the way of the answers, and one statement at a time. */
  private async noteUses(apiKeyIds: string[]): Promise<void> {
    for (const apiKeyId of apiKeyIds) this.dueForNote.add(apiKeyId);
    if (this.isNoting) return;
    this.isNoting = true;
    while (this.dueForNote.size > 0) {
      const due = [...this.dueForNote];
      this.dueForNote.clear();
      try {
        await recordUses(this.writer, due);
      } catch {
        // When a key was last used is of interest, but no reason to turn its holder away; the next use is due again.
      }
    }
    this.isNoting = false;
  }
}

/** Resolves with the work, or without it when that takes too long. */
async function atMost(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  await Promise.race([work, over]);
  clearTimeout(timer);
}

function newLookup(keyDigest: Buffer): Lookup {
  let answer: Lookup['answer'] = () => undefined;
  let fail: Lookup['fail'] = () => undefined;
  const holder = new Promise<ApiKey | undefined>((resolve, reject) => {
    answer = resolve;
    fail = reject;
  });
  return { keyDigest, holder, answer, fail };
}

type FoundKey = ApiKey & { keyDigest: Buffer; isUseDue: boolean };

function apiKeyOf({ apiKeyId, name, roles, realm, applications }: FoundKey): ApiKey {
  return { apiKeyId, name, roles, realm, applications };
}

const findLiveKeysSql = `
SELECT key_digest AS "keyDigest", api_key_id AS "apiKeyId", name, roles, realm, applications,
       last_used_at IS NULL OR last_used_at < session_ledger.ledger_clock() - interval '1 minute' AS "isUseDue"
  FROM session_ledger.api_key WHERE key_digest = ANY ($1::bytea[]) AND revoked_at IS NULL`;

async function findLiveKeys(writer: DataSource, keyDigests: Buffer[]): Promise<FoundKey[]> {
  const statement = { name: 'api_keys_of_digests', text: findLiveKeysSql, values: [keyDigests], answerWithinMs };
  return explainedRows<FoundKey>(writer, statement);
}

// A row that somebody holds is left alone: another instance is noting the same use, or an operator is at work on the key.
const recordUsesSql = `
UPDATE session_ledger.api_key SET last_used_at = session_ledger.ledger_clock()
 WHERE api_key_id IN (SELECT k.api_key_id FROM session_ledger.api_key k WHERE k.api_key_id = ANY ($1::uuid[]) FOR NO KEY UPDATE SKIP LOCKED)
   AND (last_used_at IS NULL OR last_used_at < session_ledger.ledger_clock() - interval '1 minute')`;

async function recordUses(writer: DataSource, apiKeyIds: string[]): Promise<void> {
  await explainedRows(writer, { name: 'api_keys_used', text: recordUsesSql, values: [apiKeyIds], answerWithinMs });
}
