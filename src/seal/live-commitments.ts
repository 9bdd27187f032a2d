import { isCommitted } from '../ledger/commitment.js';
import { queryRows, type Executor } from '../ledger/named-query.js';

/** Rows of the erasable side that were held against what the ledger committed to. */
export interface RowsHeldAgainst {
  /** How many. */
  readonly rows: number;
  /** A sentence for each that is not what was recorded, without a word of what it says. */
  readonly faults: readonly string[];
}

const rowsPerRead = 1_000;
/** More of them say nothing new. */
const mostFaults = 20;

/**
 * Holds who the users are, and where they were seen from, against the commitments that the events hold. No seal covers these rows, because
 * they can be erased; so whoever owns the tables could have two users change places and leave every event as it is.
 *
 * A few rows at a time, so that whoever asks can pause in between; it ends at the twentieth fault.
 *
 * @example
 * for await (const { faults } of rowsAgainstCommitments(reader)) alarm(faults);
 */
export async function* rowsAgainstCommitments(executor: Executor): AsyncIterable<RowsHeldAgainst> {
  let left = mostFaults;
  for (const stretches of [subjectsAgainstCommitments(executor), clientsAgainstCommitments(executor)]) {
    for await (const { rows, faults } of stretches) {
      yield { rows, faults: faults.slice(0, left) };
      left -= faults.length;
      if (left <= 0) return;
    }
  }
}

/*
 * Against the first opening that is still there, not the newest: whoever changes a row and its commitment can open a session more, which
 * says the new one, and cannot put one in front of what is sealed.
 */
const subjectsSql = `
SELECT s.subject_id AS "subjectId", s.realm, s.user_id AS "userId", s.salt, s.commitment, opening.commitment AS recorded
  FROM (SELECT * FROM session_ledger.subject WHERE subject_id > $1 ORDER BY subject_id LIMIT $2) s
  LEFT JOIN LATERAL (
       SELECT coalesce(e.detail ->> 'subjectCommitment', '') AS commitment FROM session_ledger.event e
        WHERE e.bucket = (get_byte(uuid_send(s.subject_id), 15) & 63)::smallint AND e.subject_id = s.subject_id
          AND e.kind IN ('created', 'renewed')
        ORDER BY e.occurred_at LIMIT 1) opening ON true
 ORDER BY s.subject_id`;

interface SubjectRow {
  subjectId: string;
  realm: string;
  userId: string;
  salt: Buffer;
  commitment: Buffer;
  /** Hex; null for a user who never opened a session. */
  recorded: string | null;
}

async function* subjectsAgainstCommitments(executor: Executor): AsyncIterable<RowsHeldAgainst> {
  for (let behind = '00000000-0000-0000-0000-000000000000'; ;) {
    const statement = { name: 'subjects_against_commitments', text: subjectsSql, values: [behind, rowsPerRead] };
    const rows = await queryRows<SubjectRow>(executor, statement);
    const faults = rows.filter(isAnotherUser).map(({ subjectId }) => sentence('user', `subject ${subjectId}`));
    yield { rows: rows.length, faults };
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsPerRead) return;
    behind = last.subjectId;
  }
}

function isAnotherUser({ realm, userId, salt, commitment, recorded }: SubjectRow): boolean {
  const isRecorded = recorded === null || recorded === commitment.toString('hex');
  return !isRecorded || !isCommitted({ realm, userId }, { salt, commitment });
}

/*
 * The event that introduced a client was recorded with its row, so it is looked for around that moment first. Where it is not there, the
 * whole session is walked: the moment may have been changed too.
 */
const clientsSql = `
SELECT c.bucket, c.client_id::text AS "clientId", c.ip, c.user_agent AS "userAgent", c.salt, c.commitment,
       c.erased_at IS NOT NULL AND c.ip IS NULL AND c.user_agent IS NULL AS "isErased", introduction.commitment AS recorded
  FROM (SELECT * FROM session_ledger.client WHERE (client_id, bucket) > ($2::bigint, $1::smallint)
         ORDER BY client_id, bucket LIMIT $3) c
  LEFT JOIN LATERAL (
       SELECT coalesce(
         (SELECT e.detail ->> 'clientCommitment' FROM session_ledger.event e
           WHERE e.bucket = c.bucket AND e.session_id = c.session_id AND e.client_id = c.client_id AND e.detail ? 'clientCommitment'
             AND e.occurred_at BETWEEN c.first_seen_at - interval '10 minutes' AND c.first_seen_at + interval '1 minute'
             AND e.recorded_at BETWEEN c.first_seen_at - interval '1 minute' AND c.first_seen_at + interval '10 minutes'
           ORDER BY e.occurred_at, e.session_seq LIMIT 1),
         (SELECT e.detail ->> 'clientCommitment' FROM session_ledger.event e
           WHERE e.bucket = c.bucket AND e.session_id = c.session_id AND e.client_id = c.client_id AND e.detail ? 'clientCommitment'
           ORDER BY e.occurred_at, e.session_seq LIMIT 1)) AS commitment) introduction ON true
 ORDER BY c.client_id, c.bucket`;

interface ClientRow {
  bucket: number;
  clientId: string;
  ip: string | null;
  userAgent: string | null;
  salt: Buffer | null;
  commitment: Buffer;
  isErased: boolean;
  /** Hex; null where no event of the session introduced it. */
  recorded: string | null;
}

async function* clientsAgainstCommitments(executor: Executor): AsyncIterable<RowsHeldAgainst> {
  for (let [bucket, clientId] = [-1, '0']; ;) {
    const values = [bucket, clientId, rowsPerRead];
    const statement = { name: 'clients_against_commitments', text: clientsSql, values };
    const rows = await queryRows<ClientRow>(executor, statement);
    const faults = rows.filter(isAnotherClient).map((row) => sentence('address or agent', `client ${row.clientId}`));
    yield { rows: rows.length, faults };
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsPerRead) return;
    ({ bucket, clientId } = last);
  }
}

/** A client is recorded in one transaction with the event that introduces it, so there is no row without one. */
function isAnotherClient({ ip, userAgent, salt, commitment, isErased, recorded }: ClientRow): boolean {
  if (isErased) return false;
  return (
    recorded !== commitment.toString('hex') || salt === null || !isCommitted({ ip, userAgent }, { salt, commitment })
  );
}

function sentence(what: string, under: string): string {
  return `the ${what} under ${under} is not the one that was recorded: the row was changed`;
}
