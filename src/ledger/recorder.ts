import { LRUCache } from 'lru-cache';
import { queryRows, type Executor, type NamedStatement } from './named-query.js';

type Limit = Pick<NamedStatement, 'answerWithinMs'>;

/** Ids by name, for each pool or connection: another database has other ids. */
const known = new WeakMap<Executor, LRUCache<string, number>>();
const namesKept = 1_000;

/**
 * The id under which events say who recorded them. A name seen for the first time is recorded, on the executor given.
 *
 * @param name an instance of the service or library, or such an instance and the API key it acted for; 1 to 255 characters.
 * @param answerWithinMs the pool's own limit when omitted.
 * @param lookOn where the name is looked for first: a transaction at hand, which needs no further connection.
 * @example
 * const recordedBy = await recorderId(writer, 'api-1/till-7');
 */
export async function recorderId(
  executor: Executor,
  name: string,
  answerWithinMs?: number,
  lookOn: Executor = executor,
): Promise<number> {
  let ids = known.get(executor);
  if (ids === undefined) known.set(executor, (ids = new LRUCache({ max: namesKept })));
  const cached = ids.get(name);
  if (cached !== undefined) return cached;
  // Found, or inserted, or inserted by somebody else in between and now to be found.
  const limit = answerWithinMs === undefined ? {} : { answerWithinMs };
  const id =
    (await findRecorder(lookOn, name, limit)) ??
    (await insertRecorder(executor, name, limit)) ??
    (await findRecorder(executor, name, limit));
  if (id === undefined) throw new Error('a recorder was neither found nor inserted');
  ids.set(name, id);
  return id;
}

/** Forgets the ids of an executor whose database may be another one by now: promoted, or restored to a time before. */
export function forgetRecorders(executor: Executor): void {
  known.delete(executor);
}

const findRecorderSql = `
SELECT recorder_id AS id FROM session_ledger.recorder WHERE name = $1`;

async function findRecorder(executor: Executor, name: string, limit: Limit): Promise<number | undefined> {
  const statement = { name: 'find_recorder', text: findRecorderSql, values: [name], ...limit };
  return (await queryRows<{ id: number }>(executor, statement))[0]?.id;
}

const insertRecorderSql = `
INSERT INTO session_ledger.recorder (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING recorder_id AS id`;

async function insertRecorder(executor: Executor, name: string, limit: Limit): Promise<number | undefined> {
  const statement = { name: 'insert_recorder', text: insertRecorderSql, values: [name], ...limit };
  return (await queryRows<{ id: number }>(executor, statement))[0]?.id;
}
