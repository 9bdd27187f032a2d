import { canonicalEvent, type EventColumns } from '../../src/ledger/canonical-event.js';
import { commit } from '../../src/ledger/commitment.js';
import { addMicroseconds, instantFromMicroseconds, type Instant } from '../../src/ledger/instant.js';
import { bucketOfUuid, subjectIdOf, type RandomLedger, type RandomSession } from '../query/random-history.js';
import type { LedgerFact } from '../query/oracle.js';

/** What opens the commitment to a made-up user. */
export type MadeSubjects = ReadonlyMap<string, { salt: string; commitment: string }>;

/** Salted commitments to the users of a made-up ledger. */
export function subjectsOf({ subjects }: RandomLedger): MadeSubjects {
  return new Map(
    subjects.map((userId) => {
      const { salt, commitment } = commit({ realm: 'default', userId });
      return [userId, { salt: salt.toString('hex'), commitment: commitment.toString('hex') }];
    }),
  );
}

/** The leaves of a made-up ledger, in the order of its seqs. */
export function leavesOf(ledger: RandomLedger): Buffer[] {
  return rowsOf(ledger, new Map()).map((row) => Buffer.from(canonicalEvent(row)));
}

/**
 * The same, with events among them that say up to when all is recorded: as late an instant as is true where they stand. The last one
 * stands behind everything, and is recorded when the last deadline has passed.
 *
 * @param every how many other events stand between two of them
 */
export function leavesWithHorizons(ledger: RandomLedger, subjects: MadeSubjects, every: number): Buffer[] {
  const rows = rowsOf(ledger, subjects);
  const made: EventColumns[] = [];
  let recordedAt = rows[0]!.recordedAt;
  const deadline = rows.reduce(
    (last, { expiresAt }) => (expiresAt !== null && expiresAt > last ? expiresAt : last),
    recordedAt,
  );
  for (const [place, row] of rows.entries()) {
    made.push(row);
    if (row.recordedAt > recordedAt) ({ recordedAt } = row);
    if (place + 1 === rows.length && deadline >= recordedAt) recordedAt = addMicroseconds(deadline, 1n);
    if ((place + 1) % every !== 0 && place + 1 < rows.length) continue;
    const later = rows.slice(place + 1).filter(({ kind }) => kind !== 'expired');
    const first = later.reduce((least, { occurredAt }) => (occurredAt < least ? occurredAt : least), recordedAt);
    const settledAt = addMicroseconds(first, -1n);
    const detail = JSON.stringify({ settledAt });
    made.push({ ...noColumns, kind: 'horizon_reached', occurredAt: recordedAt, recordedAt, detail });
  }
  return made.map((row, index) => Buffer.from(canonicalEvent({ ...row, seq: String(index + 1) })));
}

function rowsOf(ledger: RandomLedger, subjects: MadeSubjects): EventColumns[] {
  const { applications, policies, gaps, sessions } = ledger;
  const rows = [
    ...applications.map((fact) => ledgerRow(fact, 'application_recorded', fact.name)),
    ...policies.map((fact) => ledgerRow(fact, 'policy_set', 'web', { absoluteSeconds: fact.absoluteSeconds })),
    ...gaps.map((fact) => ledgerRow(fact, 'gap', null, { from: instantOf(fact.from), to: instantOf(fact.to) })),
    ...sessions.flatMap((session) => sessionRows(session, subjects.get(session.userId)?.commitment)),
  ];
  return rows.sort((a, b) => Number(a.seq) - Number(b.seq));
}

const noColumns: EventColumns = {
  seq: '0',
  recordedAt: '' as Instant,
  occurredAt: '' as Instant,
  expiresAt: null,
  clientId: null,
  sessionSeq: null,
  recordedBy: 1,
  bucket: 0,
  sessionId: null,
  kind: '',
  reason: null,
  subjectId: null,
  actorId: null,
  application: null,
  absoluteExpiresAt: null,
  idleSeconds: null,
  secretDigest: null,
  detail: null,
};

function ledgerRow(fact: LedgerFact, kind: string, application: string | null, detail?: object): EventColumns {
  return { ...noColumns, ...factColumns(fact), kind, application, detail: detail ? JSON.stringify(detail) : null };
}

function factColumns({ seq, occurredAt, recordedAt }: LedgerFact): Partial<EventColumns> {
  return { seq: String(seq), occurredAt: instantOf(occurredAt), recordedAt: instantOf(recordedAt) };
}

function sessionRows(session: RandomSession, subjectCommitment: string | undefined): EventColumns[] {
  const { sessionId, userId, application, actorUserId, events, details } = session;
  return events.map((event, index) => {
    const { absoluteExpiresAt, idleSeconds, reason, isFresh } = details[index]!;
    const detail = { subjectCommitment, ...(event.kind === 'renewed' && { fresh: isFresh }) };
    return {
      ...noColumns,
      ...factColumns(event),
      kind: event.kind,
      bucket: bucketOfUuid(sessionId),
      sessionId,
      sessionSeq: event.sessionSeq,
      expiresAt: event.expiresAt === null ? null : instantOf(event.expiresAt),
      reason,
      ...(absoluteExpiresAt !== null && {
        subjectId: subjectIdOf(userId),
        actorId: actorUserId === null ? null : subjectIdOf(actorUserId),
        application,
        absoluteExpiresAt: instantOf(absoluteExpiresAt),
        idleSeconds,
        detail: JSON.stringify(detail),
      }),
    };
  });
}

function instantOf(microseconds: bigint): Instant {
  return instantFromMicroseconds(microseconds);
}
