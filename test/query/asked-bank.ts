import pg from 'pg';
import type { DataSource } from 'typeorm';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { LoginHistory } from '../../src/query/login-history.js';
import { RecordedBank } from '../report/recorded-bank.js';
import { createTestDatabase } from '../setup/database.js';

/** A few days of a bank in March 2026, and whoever asks about them. */
export interface AskedBank {
  readonly url: string;
  readonly history: LoginHistory;
  readonly reader: DataSource;
  readonly superuser: pg.Client;
  /** Rows of SQL as the superuser sees them. */
  rows<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export const ann = { askedBy: 'ann', caseId: 'D-17' };

export async function askBank(): Promise<AskedBank> {
  const database = await createTestDatabase();
  await RecordedBank.record(database.url);
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  const pool = { url: database.url, role: 'reader', poolSize: 4, applicationName: 'test' } as const;
  const reader = await ledgerDataSource(pool).initialize();
  return {
    url: database.url,
    history: new LoginHistory(reader),
    reader,
    superuser,
    rows: async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
      (await superuser.query<Row>(sql, values)).rows,
    close: async () => {
      await reader.destroy();
      await superuser.end();
      await database.drop();
    },
  };
}

/** What a stream of pieces comes to. */
export async function joined(pieces: AsyncIterable<string>): Promise<string> {
  let whole = '';
  for await (const piece of pieces) whole += piece;
  return whole;
}

/** A text as an upload arrives: in pieces that end anywhere, in the middle of a character too. */
export async function* inPieces(text: string | Buffer, size = 7): AsyncGenerator<Buffer, void, undefined> {
  const bytes = Buffer.from(text as string);
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}
