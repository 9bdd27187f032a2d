import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import pg from 'pg';
import { readEnvironment, type Variables } from '../../src/environment.js';
import { serviceLog } from '../../src/http/service-log.js';
import { startService } from '../../src/main/service.js';
import { createTestDatabase } from '../setup/database.js';

/** The service as its clients meet it, on a database of its own. */
export interface TestService {
  readonly address: string;
  readonly databaseUrl: string;
  /** Holds every role. */
  readonly adminKey: string;
  readonly dataDir: string;
  /** Every line the service logged. */
  readonly log: string[];
  /** A superuser's connection, to look at rows. */
  readonly owner: pg.Client;
  /** Another instance on the same database. */
  another(variables?: Variables): Promise<{ address: string; stop(): Promise<void> }>;
  stop(): Promise<void>;
}

export async function startTestService(variables: Variables = {}): Promise<TestService> {
  const database = await createTestDatabase();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'session-ledger-service-'));
  const log: string[] = [];
  const start = (dataDir: string, more: Variables) =>
    startService(
      readEnvironment({
        PORT: '0',
        DATABASE_URL: database.url,
        SESSION_LEDGER_DATA_DIR: dataDir,
        SESSION_LEDGER_LOG_LEVEL: 'trace',
        SESSION_LEDGER_DRAIN_PAUSE_SECONDS: '0',
        ...variables,
        ...more,
      }),
      serviceLog('trace', collecting(log)),
      (line) => log.push(line),
    );
  const service = await start(dataDir, {});
  const owner = new pg.Client({ connectionString: database.url });
  await owner.connect();
  return {
    address: service.address,
    databaseUrl: database.url,
    adminKey: readFileSync(path.join(dataDir, 'admin-key'), 'utf8').trim(),
    dataDir,
    log,
    owner,
    another: async (more = {}) => {
      const second = await start(mkdtempSync(path.join(dataDir, 'another-')), {
        SESSION_LEDGER_INSTANCE: 'another',
        ...more,
      });
      return { address: second.address, stop: () => second.stop() };
    },
    stop: async () => {
      await service.stop();
      await owner.end();
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function collecting(lines: string[]): Writable {
  return new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk));
      done();
    },
  });
}
