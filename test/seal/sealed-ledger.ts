import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { openCheckpoint, type Checkpoint } from '../../src/seal/checkpoint.js';
import { parseEntryBundle } from '../../src/seal/entry-bundle.js';
import { LogDirectory } from '../../src/seal/log-directory.js';
import { parseVerifierKey } from '../../src/seal/note-key.js';
import { Sealer, type SealerOptions } from '../../src/seal/sealer.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { TILE_WIDTH, tilePath, tileWidth } from '../../src/seal/tile.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import {
  openSession,
  recordSubject,
  revokeSession,
  superuserOf,
  useSession,
  writerOf,
} from '../ledger/session-writer.js';

/** A ledger with a directory that it is published in, and a key to sign with. */
export interface SealedLedger {
  readonly database: TestDatabase;
  readonly writer: DataSource;
  readonly superuser: DataSource;
  readonly directory: string;
  readonly signingKey: string;
  /** A sealer of this ledger; it is stopped with the ledger. */
  sealer(options?: SealerDifferences): Sealer;
  /** Records sessions: each is opened, used and revoked. */
  recordSessions(count: number): Promise<void>;
  published(): Promise<Checkpoint>;
  rows<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** What a sealer has otherwise than the ledger's own; a directory is its only place. */
export type SealerDifferences = Partial<SealerOptions> & { directory?: string | undefined };

export const origin = 'ledger.example/sealed';

export async function setUpSealedLedger(): Promise<SealedLedger> {
  const database = await createTestDatabase();
  const writer = await writerOf(database, 12);
  const superuser = await superuserOf(database, 3);
  const directory = await mkdtemp(join(tmpdir(), 'sealed-ledger-'));
  const signingKey = SigningKey.generate(origin).toPem();
  const sealers: Sealer[] = [];
  return {
    database,
    writer,
    superuser,
    directory,
    signingKey,
    sealer(options = {}) {
      const { directory: only = 'directory' in options ? undefined : directory, ...rest } = options;
      const places = only === undefined ? [] : [new LogDirectory(only)];
      const standard = { url: database.url, role: 'sealer', signingKeys: [signingKey], origin, places } as const;
      const sealer = new Sealer({ ...standard, onFailure: () => undefined, ...rest });
      sealers.push(sealer);
      return sealer;
    },
    async recordSessions(count) {
      const subjectId = await recordSubject(writer, `user-${count}-${Math.random()}`);
      for (let at = 0; at < count; at += 1) {
        const sessionId = await openSession(writer, subjectId);
        await useSession(writer, sessionId);
        await revokeSession(writer, sessionId);
      }
    },
    async published() {
      const logKeys = (await readFile(join(directory, 'keys'), 'utf8')).trim().split('\n').map(parseVerifierKey);
      return openCheckpoint(await readFile(join(directory, 'checkpoint'), 'utf8'), { origin, logKeys }).checkpoint;
    },
    rows: async (sql, values = []) => superuser.query(sql, values),
    async close() {
      await Promise.all(sealers.map((sealer) => sealer.stop()));
      await writer.destroy();
      await superuser.destroy();
      await rm(directory, { recursive: true, force: true });
      await database.drop();
    },
  };
}

/** Seals what is there, as an instance that then goes away. */
export async function sealAndStop(ledger: SealedLedger, options: SealerDifferences = {}): Promise<void> {
  const sealer = ledger.sealer(options);
  await sealer.sealOnce();
  await sealer.stop();
}

/** All leaves, out of the published entry bundles. */
export async function publishedLeaves(ledger: SealedLedger): Promise<Buffer[]> {
  const { directory } = ledger;
  const { size } = await ledger.published();
  const leaves: Buffer[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = tileWidth(0, index, size);
    const bundle = await readFile(join(directory, tilePath({ level: 'entries', index, width })));
    leaves.push(...parseEntryBundle(bundle, width));
  }
  return leaves;
}

/** Whoever owns the tables drops the checks first. */
export const withoutChecks = `
DO $$ DECLARE v_name name; BEGIN
  FOR v_name IN SELECT conname FROM pg_constraint WHERE conrelid = 'session_ledger.event'::regclass AND contype = 'c' LOOP
    EXECUTE format('ALTER TABLE session_ledger.event DROP CONSTRAINT %I', v_name);
  END LOOP; END $$`;

/** What append-only privileges and triggers cannot prevent: whoever owns the tables switches the triggers off first. */
export async function changeAsOwner(ledger: SealedLedger, table: string, ...statements: string[]): Promise<void> {
  const runner = ledger.superuser.createQueryRunner();
  try {
    await runner.query(
      `SET session_replication_role = replica; ALTER TABLE session_ledger.${table} DISABLE TRIGGER ALL`,
    );
    for (const statement of statements) await runner.query(statement);
    await runner.query(`SET session_replication_role = origin; ALTER TABLE session_ledger.${table} ENABLE TRIGGER ALL`);
  } finally {
    await runner.release();
  }
}
