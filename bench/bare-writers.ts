import pg from 'pg';
import { bucketOf } from '../dist/src/token/session-token.js';
import { prepareToRecord, type SeededSessions } from './seeded-sessions.js';

/** How many connections write batches of how many rows, and for how long. */
export interface BareLoad {
  writers: number;
  batch: number;
  seconds: number;
}

export interface BareRow {
  bucket: number;
  sessionId: string;
}

/** Rows of sessions picked at random, as uses arrive. */
export function bareRows({ claims }: SeededSessions, count: number): BareRow[] {
  return Array.from({ length: count }, () => {
    const { sessionId } = claims[Math.floor(Math.random() * claims.length)]!;
    return { sessionId, bucket: bucketOf(sessionId) };
  });
}

/** Lets so many connections of the writer role write batches until the time is over; returns rows per second. */
export async function withWriters(
  url: string,
  load: BareLoad,
  writeBatch: (client: pg.Client, recordedBy: number) => Promise<void>,
): Promise<number> {
  const recordedBy = await prepareToRecord(url, 'bare');
  const clients = Array.from({ length: load.writers }, () => {
    const options = '-c role=session_ledger_writer -c synchronous_commit=on';
    return new pg.Client({ connectionString: url, options });
  });
  await Promise.all(clients.map((client) => client.connect()));
  const begun = performance.now();
  const endsAt = begun + load.seconds * 1000;
  let batches = 0;
  const write = async (client: pg.Client): Promise<void> => {
    for (; performance.now() < endsAt; batches++) await writeBatch(client, recordedBy);
  };
  await Promise.all(clients.map(write));
  const seconds = (performance.now() - begun) / 1000;
  await Promise.all(clients.map((client) => client.end()));
  return (batches * load.batch) / seconds;
}
