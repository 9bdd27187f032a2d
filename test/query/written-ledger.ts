import pg from 'pg';
import type { DataSource } from 'typeorm';
import { commit } from '../../src/ledger/commitment.js';
import { instantFromMicroseconds } from '../../src/ledger/instant.js';
import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { createTestDatabase } from '../setup/database.js';
import type { LedgerFact } from './oracle.js';
import { bucketOfUuid, subjectIdOf, type RandomLedger, type RandomSession } from './random-history.js';

/** A made-up ledger in a database of its own, with the reader's connections to ask it. */
export interface WrittenLedger {
  readonly url: string;
  readonly superuser: pg.Client;
  readonly reader: DataSource;
  close(): Promise<void>;
}

/** Writes the ledger as the superuser, who alone may say when an event was recorded; every CHECK holds for it too. */
export async function writeLedger(ledger: RandomLedger): Promise<WrittenLedger> {
  const database = await createTestDatabase();
  const superuser = new pg.Client({ connectionString: database.url });
  await superuser.connect();
  await superuser.query(partitionsSql);
  await superuser.query(subjectsSql, [JSON.stringify(ledger.subjects.map(subjectRow))]);
  await superuser.query(eventsSql, [JSON.stringify([...ledgerRows(ledger), ...ledger.sessions.flatMap(sessionRows)])]);
  const pool = { url: database.url, role: 'reader', poolSize: 2, applicationName: 'test' } as const;
  const reader = await ledgerDataSource(pool).initialize();
  return {
    url: database.url,
    superuser,
    reader,
    close: async () => {
      await reader.destroy();
      await superuser.end();
      await database.drop();
    },
  };
}

const partitionsSql = `
SET timezone = 'UTC';
SET ROLE session_ledger_owner;
SELECT session_ledger.create_partition_table('event_' || to_char(month, 'YYYY_MM')),
       session_ledger.attach_partition('event_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month')
  FROM unnest(ARRAY[timestamptz '2025-01-01Z', '2025-02-01Z']) month;
RESET ROLE;
INSERT INTO session_ledger.recorder (name) VALUES ('test')`;

const subjectsSql = `
INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
SELECT s.subject_id, 'default', s.user_id, decode(s.salt, 'hex'), decode(s.commitment, 'hex')
  FROM jsonb_to_recordset($1) AS s(subject_id uuid, user_id text, salt text, commitment text)`;

const eventsSql = `
INSERT INTO session_ledger.event (seq, recorded_at, occurred_at, expires_at, session_seq, recorded_by, bucket, session_id, kind, reason,
                                  subject_id, actor_id, application, absolute_expires_at, idle_seconds, secret_digest, detail)
SELECT e.seq, e.recorded_at, e.occurred_at, e.expires_at, e.session_seq, 1, e.bucket, e.session_id, e.kind, e.reason,
       e.subject_id, e.actor_id, e.application, e.absolute_expires_at, e.idle_seconds, CASE WHEN e.subject_id IS NOT NULL THEN sha256('x') END, e.detail
  FROM jsonb_to_recordset($1) AS e(seq bigint, recorded_at timestamptz, occurred_at timestamptz, expires_at timestamptz, session_seq integer,
       bucket smallint, session_id uuid, kind text, reason text, subject_id uuid, actor_id uuid, application text,
       absolute_expires_at timestamptz, idle_seconds integer, detail jsonb)`;

function subjectRow(userId: string): object {
  const { salt, commitment } = commit({ realm: 'default', userId });
  return {
    subject_id: subjectIdOf(userId),
    user_id: userId,
    salt: salt.toString('hex'),
    commitment: commitment.toString('hex'),
  };
}

function ledgerRows({ applications, policies, gaps }: RandomLedger): object[] {
  return [
    ...applications.map((fact) => ({ ...factRow(fact), kind: 'application_recorded', application: fact.name })),
    ...policies.map((fact) => ({
      ...factRow(fact),
      kind: 'policy_set',
      application: 'web',
      detail: { absoluteSeconds: fact.absoluteSeconds },
    })),
    ...gaps.map((fact) => ({
      ...factRow(fact),
      kind: 'gap',
      reason: 'restored',
      detail: { from: instantFromMicroseconds(fact.from), to: instantFromMicroseconds(fact.to) },
    })),
  ];
}

function factRow({ seq, occurredAt, recordedAt }: LedgerFact): object {
  return { seq, bucket: 0, occurred_at: textOf(occurredAt), recorded_at: textOf(recordedAt) };
}

function sessionRows({ sessionId, userId, application, actorUserId, events, details }: RandomSession): object[] {
  return events.map((event, index) => {
    const { absoluteExpiresAt, idleSeconds, reason } = details[index]!;
    const isOpening = absoluteExpiresAt !== null;
    return {
      ...factRow(event),
      bucket: bucketOfUuid(sessionId),
      session_id: sessionId,
      session_seq: event.sessionSeq,
      kind: event.kind,
      reason,
      expires_at: textOf(event.expiresAt),
      absolute_expires_at: textOf(absoluteExpiresAt),
      idle_seconds: idleSeconds,
      ...(isOpening && {
        subject_id: subjectIdOf(userId),
        actor_id: actorUserId === null ? null : subjectIdOf(actorUserId),
        application,
        detail: { amr: ['pwd'], acr: null },
      }),
    };
  });
}

function textOf(at: bigint | null): string | null {
  return at === null ? null : instantFromMicroseconds(at);
}
