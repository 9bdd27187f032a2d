import ipaddr from 'ipaddr.js';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import type { Instant } from '../ledger/instant.js';
import { queryRowsPlannedForValues } from '../ledger/named-query.js';
import type { RecordedClient, SessionEventKind } from '../ledger/session-event.js';
import { subjectCommitment } from '../ledger/subject-commitment.js';
import { withinYears } from '../ledger/within-years.js';
import type { Asking } from './asking.js';
import { ComparedPage, type SealedAnswer } from './compared-page.js';
import { instantShape, numberShape, readCursor, writeCursor } from './cursor.js';
import { inOrder, type Evidence } from './evidence.js';
import type { Page } from './page.js';

/** A question about where users were seen from, after its texts were read. */
export interface ClientsAsked {
  /** A network in CIDR form; an address is one of a single host. */
  readonly network: string | null;
  readonly userAgent: string | null;
  readonly from: Instant | null;
  readonly to: Instant | null;
  readonly after: string | undefined;
  readonly limit: number;
}

/** A session that was seen from the client, and when. */
export interface ClientSighting {
  client: RecordedClient;
  sessionId: string;
  userId: string;
  realm: string;
  application: string;
  /** Within the range that was asked about. */
  firstSeenAt: Instant;
  lastSeenAt: Instant;
  /** The opening of the session, and the first and last event from there; in the order of the ledger. */
  evidence: Evidence[];
}

/** A page of where users were seen from. */
export interface ClientsPage extends Page<ClientSighting>, SealedAnswer {}

/**
 * Reads an address or a network. An IPv4-mapped IPv6 address is the IPv4 address it maps (RFC 4291 2.5.5.2), as the
 * ledger keeps it; bits behind the prefix are cleared, so that `203.0.113.7/24` is the network it lies in.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT
 * @example
 * networkOf('::ffff:203.0.113.7'); // '203.0.113.7/32'
 */
export function networkOf(text: string): string {
  const [address = '', prefix, ...rest] = text.split('/');
  // The stricter predicate: ipaddr.js takes '1', '0x7f.1' and '010.1.1.1' for IPv4 addresses too.
  const isIPv4 = ipaddr.IPv4.isValidFourPartDecimal(address);
  const bits = prefix === undefined ? (isIPv4 ? 32 : 128) : Number(prefix);
  const isPrefix = prefix === undefined || /^\d{1,3}$/.test(prefix);
  if (rest.length > 0 || !isPrefix || bits > (isIPv4 ? 32 : 128) || !(isIPv4 || ipaddr.IPv6.isValid(address))) {
    const message = 'ip must be an address or a network, such as 203.0.113.7 or 203.0.113.0/24';
    throw new SessionLedgerError('ERR_INVALID_INPUT', message, { field: 'ip' });
  }
  if (isIPv4) return `${ipaddr.IPv4.networkAddressFromCIDR(`${address}/${bits}`).toString()}/${bits}`;
  const mapped = ipaddr.IPv6.parse(address);
  if (bits >= mappedPrefix && mapped.isIPv4MappedAddress()) {
    return networkOf(`${mapped.toIPv4Address().toString()}/${bits - mappedPrefix}`);
  }
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${mapped.toString()}/${bits}`).toString()}/${bits}`;
}

const mappedPrefix = 96;
const longestUserAgent = 512;

/** A user agent as the ledger keeps it: without NUL, and cut at 512 characters. */
export function keptUserAgent(text: string): string {
  return [...text.replaceAll('\0', '')].slice(0, longestUserAgent).join('');
}

/**
 * Which sessions and users were seen from there, the latest seen for the first time first.
 *
 * @throws SessionLedgerError ERR_INVALID_CURSOR
 */
export async function clientsSeen(
  reader: DataSource,
  asked: ClientsAsked,
  asking: Asking,
  askedAt: Instant,
): Promise<ClientsPage> {
  const { network, userAgent, from, to, after, limit } = asked;
  const bounds = [asking.realm ?? null, asking.applications ?? null];
  const question = ['clients_seen', network, userAgent, from, to, ...bounds];
  const cursor = after === undefined ? null : readCursor(after, question, [instantShape, numberShape]);
  const knownAt = cursor?.knownAt ?? askedAt;
  const rows = await sightings(reader, [
    network,
    userAgent,
    from ?? '-infinity',
    to ?? 'infinity',
    knownAt,
    ...bounds,
    cursor?.place[0] ?? 'infinity',
    cursor?.place[1] ?? 0,
    limit + 1,
  ]);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const items = page.map(sightingOf);
  const compared = new ComparedPage(reader);
  await compared.add(
    items.flatMap(({ evidence }) => evidence),
    items.flatMap(({ evidence }, nth) => (page[nth]!.isOfSubject ? [] : evidence.slice(0, 1))),
  );
  return {
    items,
    next:
      rows.length > limit && last !== undefined
        ? writeCursor(question, { knownAt, place: [last.introducedAt, String(last.clientId)] })
        : null,
    ...(await compared.sealed(null)),
  };
}

function sightingOf(row: Row): ClientSighting {
  const { ip, userAgent, sessionId, userId, realm, application, firstSeenAt, lastSeenAt } = row;
  const evidence = inOrder(
    row.evidence.map(([seq, kind, occurredAt, recordedAt]) => ({ seq, sessionId, kind, occurredAt, recordedAt })),
  );
  return { client: { ip, userAgent }, sessionId, userId, realm, application, firstSeenAt, lastSeenAt, evidence };
}

interface Row extends Omit<ClientSighting, 'client' | 'evidence'> {
  evidence: [number, SessionEventKind, Instant, Instant][];
  isOfSubject: boolean;
  ip: string | null;
  userAgent: string | null;
  introducedAt: Instant;
  clientId: number;
}

/*
 * The index on ip finds the clients; how long each was seen is looked up among its session's events, where in nearly
 * every session the first and the last one are of its only client. One address is looked up and its clients sorted; of half the
 * world's the latest are found sooner from the end: that is for the planner to weigh, who has to see the values for it.
 */
const sightingsSql = `
SELECT c.session_id AS "sessionId", u.user_id AS "userId", u.realm, (opened.commitment = ${subjectCommitment('u')}) IS NOT FALSE AS "isOfSubject",
       opened.application, host(c.ip) AS ip, c.user_agent AS "userAgent",
       ${withinYears('first.occurred_at')} AS "firstSeenAt", ${withinYears('last.occurred_at')} AS "lastSeenAt", c.first_seen_at AS "introducedAt", c.client_id AS "clientId",
       (SELECT json_agg(json_build_array(v.seq, v.kind, session_ledger.rfc3339(v.occurred_at), session_ledger.rfc3339(v.recorded_at)))
          FROM (VALUES (opened.seq, 'created', opened.occurred_at, opened.recorded_at), (first.seq, first.kind, first.occurred_at, first.recorded_at),
                       (last.seq, last.kind, last.occurred_at, last.recorded_at)) AS v(seq, kind, occurred_at, recorded_at)) AS evidence
  FROM session_ledger.client c
  JOIN session_ledger.subject u ON u.subject_id = c.subject_id
 CROSS JOIN LATERAL (
    SELECT e.seq, e.recorded_at, e.application, e.occurred_at, e.detail ->> 'subjectCommitment' AS commitment FROM session_ledger.event e
     WHERE e.bucket = c.bucket AND e.session_id = c.session_id AND e.kind = 'created'
       AND e.recorded_at >= session_ledger.before_birth_of(c.session_id) AND e.recorded_at <= $5
     ORDER BY e.occurred_at LIMIT 1) opened
 CROSS JOIN LATERAL (
    SELECT e.seq, e.kind, e.recorded_at, e.occurred_at FROM session_ledger.event e
     WHERE e.bucket = c.bucket AND e.session_id = c.session_id AND e.client_id = c.client_id
       AND e.occurred_at >= $3 AND e.occurred_at < $4 AND e.recorded_at > opened.occurred_at - interval '61 seconds' AND e.recorded_at <= $5
     ORDER BY e.occurred_at, e.session_seq LIMIT 1) first
 CROSS JOIN LATERAL (
    SELECT e.seq, e.kind, e.recorded_at, e.occurred_at FROM session_ledger.event e
     WHERE e.bucket = c.bucket AND e.session_id = c.session_id AND e.client_id = c.client_id
       AND e.occurred_at >= first.occurred_at AND e.occurred_at < $4 AND e.recorded_at > opened.occurred_at - interval '61 seconds' AND e.recorded_at <= $5
     ORDER BY e.occurred_at DESC, e.session_seq DESC LIMIT 1) last
 WHERE ($1::inet IS NULL OR c.ip <<= $1::inet) AND ($2::text IS NULL OR c.user_agent = $2)
   AND ($6::text IS NULL OR u.realm = $6) AND ($7::text[] IS NULL OR opened.application = ANY ($7))
   AND (c.first_seen_at, -c.client_id) < ($8, -$9::bigint) AND c.first_seen_at < $4::timestamptz + interval '10 minutes'
 ORDER BY c.first_seen_at DESC, c.client_id
 LIMIT $10`;

async function sightings(reader: DataSource, values: unknown[]): Promise<Row[]> {
  return queryRowsPlannedForValues<Row>(reader, { name: 'sightings', text: sightingsSql, values });
}
