import { createHash } from 'node:crypto';
import pg from 'pg';
import { canonicalJson } from '../../src/ledger/canonical-json.js';

/** A user of the bank, as the ledger knows them. */
export interface BankUser {
  userId: string;
  subjectId: string;
}

const clients = {
  home: ['203.0.113.7', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140.0'],
  phone: ['2001:db8::7', 'BankApp/3.2 "blue", Android 16'],
  desk: ['198.51.100.20', 'Mozilla/5.0 (X11; Linux x86_64) Chrome/141.0'],
} as const;

/** The same for everybody and always, so that what is recorded is the same bytes in every run. */
const salt = Buffer.alloc(16);

function commitmentTo(userId: string): Buffer {
  return createHash('sha256')
    .update(salt)
    .update(canonicalJson({ realm: 'default', userId }))
    .digest();
}

type ClientName = keyof typeof clients;

interface EventFacts {
  at: string;
  kind: 'created' | 'used' | 'renewed' | 'revoked' | 'expired';
  expiresAt?: string;
  from?: ClientName;
  reason?: string;
  actor?: string;
  note?: string;
}

/**
 * A few days of a bank in March 2026, written as the ledger would have written them: every instant and every `seq` is
 * fixed, so that reports about them are the same bytes in every run. Logged in as a superuser, the only one who can.
 */
export class RecordedBank {
  private seq = 1000;
  private session = 0;

  private constructor(private readonly client: pg.Client) {}

  static async record(url: string): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query('BEGIN');
      await new RecordedBank(client).recordAll();
      await client.query('COMMIT');
    } finally {
      await client.end();
    }
  }

  private async recordAll(): Promise<void> {
    await this.client.query("INSERT INTO session_ledger.recorder (name) VALUES ('bank-1')");
    await this.ofLedger('2026-01-01T00:00:00Z', 'application_recorded', 'web', null, null);
    await this.ofLedger('2026-01-01T00:00:00Z', 'policy_set', 'web', null, {
      name: 'pci-dss-4',
      absoluteSeconds: 43_200,
    });
    await this.ofLedger('2026-03-02T00:00:00Z', 'application_recorded', 'mobile', null, null);
    await this.aliceAndHerLogout();
    await this.bobWhoLetItLapse();
    await this.carolAndTheHelpDesk();
    await this.aUserIdLikeAFormula();
    await this.malloryWhoseAccountWasDisabled();
    const gap = { from: '2026-03-06T00:00:00.000000Z', to: '2026-03-06T01:00:00.000000Z' };
    await this.ofLedger('2026-03-06T01:00:00.5Z', 'gap', null, 'outage', gap);
  }

  private async aliceAndHerLogout(): Promise<void> {
    await this.sessionOf('alice', 'web', undefined, [
      { at: '2026-03-04T02:00:00Z', kind: 'created', expiresAt: '2026-03-04T02:15:00Z', from: 'home' },
      { at: '2026-03-04T02:10:00.25Z', kind: 'used', expiresAt: '2026-03-04T02:25:00.25Z', from: 'home' },
      { at: '2026-03-04T02:13:30Z', kind: 'used', expiresAt: '2026-03-04T02:28:30Z', from: 'phone' },
      { at: '2026-03-04T02:13:59Z', kind: 'renewed', expiresAt: '2026-03-04T02:28:59Z', from: 'home' },
      { at: '2026-03-04T02:20:00Z', kind: 'revoked', reason: 'logout', from: 'home' },
    ]);
    await this.sessionOf('alice', 'mobile', undefined, [
      { at: '2026-03-04T01:59:00Z', kind: 'created', expiresAt: '2026-03-04T02:14:00Z', from: 'phone' },
      { at: '2026-03-04T02:14:00Z', kind: 'expired', reason: 'idle' },
    ]);
  }

  private async bobWhoLetItLapse(): Promise<void> {
    await this.sessionOf('bob', 'mobile', undefined, [
      { at: '2026-03-03T22:00:00Z', kind: 'created', expiresAt: '2026-03-03T22:15:00Z', from: 'phone' },
      { at: '2026-03-03T22:12:00Z', kind: 'used', expiresAt: '2026-03-03T22:27:00Z', from: 'phone' },
    ]);
  }

  private async carolAndTheHelpDesk(): Promise<void> {
    await this.sessionOf('carol', 'web', 'help-desk', [
      { at: '2026-03-04T02:05:00Z', kind: 'created', expiresAt: '2026-03-04T02:20:00Z', from: 'desk' },
      { at: '2026-03-04T02:09:00Z', kind: 'used', expiresAt: '2026-03-04T02:24:00Z', from: 'desk' },
    ]);
  }

  private async aUserIdLikeAFormula(): Promise<void> {
    await this.sessionOf('=2+5', 'web', undefined, [
      { at: '2026-03-05T08:00:00Z', kind: 'created', expiresAt: '2026-03-05T08:15:00Z' },
    ]);
  }

  private async malloryWhoseAccountWasDisabled(): Promise<void> {
    const note = 'chargeback 4711, card reported stolen';
    await this.sessionOf('mallory', 'web', undefined, [
      { at: '2026-03-05T12:00:00Z', kind: 'created', expiresAt: '2026-03-05T12:15:00Z', from: 'home' },
      { at: '2026-03-05T12:01:30.5Z', kind: 'used', expiresAt: '2026-03-05T12:16:30.5Z', from: 'home' },
      { at: '2026-03-05T12:02:00Z', kind: 'revoked', reason: 'account_disabled', actor: 'risk-team', note },
    ]);
  }

  private async sessionOf(userId: string, application: string, actor: string | undefined, events: EventFacts[]) {
    const subjectId = await this.subjectOf(userId);
    const actorId = actor === undefined ? null : await this.subjectOf(actor);
    this.session += 1;
    // The last byte is the subject's: a session lies in the bucket of its user.
    const sessionId = `0195e3b0-0000-7000-8000-0000000${(this.session + 16).toString(16)}0${subjectId.slice(-2)}`;
    for (const [index, event] of events.entries())
      await this.sessionEvent(sessionId, { userId, subjectId, application, actorId }, index + 1, event);
  }

  private async sessionEvent(
    sessionId: string,
    terms: { userId: string; subjectId: string; application: string; actorId: string | null },
    sessionSeq: number,
    { at, kind, expiresAt, from, reason, actor, note }: EventFacts,
  ): Promise<void> {
    const opens = kind === 'created' || kind === 'renewed';
    const detail = opens
      ? {
          subjectCommitment: commitmentTo(terms.userId).toString('hex'),
          amr: ['pwd', 'otp'],
          acr: null,
          policy: { name: 'pci-dss-4', absoluteSeconds: 43_200 },
        }
      : note === undefined
        ? null
        : { noteId: await this.noteAbout(terms.subjectId, note) };
    const actorId = actor === undefined ? (opens ? terms.actorId : null) : await this.subjectOf(actor);
    const clientId = from === undefined ? null : await this.clientOf(sessionId, terms.subjectId, from, at);
    await this.client.query(
      `INSERT INTO session_ledger.event (seq, bucket, session_id, session_seq, kind, occurred_at, recorded_at, expires_at, reason,
         subject_id, application, actor_id, absolute_expires_at, idle_seconds, secret_digest, detail, client_id, recorded_by)
       OVERRIDING SYSTEM VALUE
       VALUES ($1, get_byte(uuid_send($2), 15) & 63, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10,
         CASE WHEN $11 THEN $5::timestamptz + interval '12 hours' END, CASE WHEN $11 THEN 900 END,
         CASE WHEN $11 THEN sha256('any') END, $12, $13, (SELECT recorder_id FROM session_ledger.recorder WHERE name = 'bank-1'))`,
      [
        (this.seq += 1),
        sessionId,
        sessionSeq,
        kind,
        at,
        expiresAt ?? null,
        reason ?? null,
        opens ? terms.subjectId : null,
        opens ? terms.application : null,
        actorId,
        opens,
        detail && JSON.stringify(detail),
        clientId,
      ],
    );
  }

  private async ofLedger(
    at: string,
    kind: string,
    application: string | null,
    reason: string | null,
    detail: object | null,
  ) {
    await this.client.query(
      `INSERT INTO session_ledger.event (seq, bucket, kind, occurred_at, recorded_at, application, reason, detail, recorded_by)
       OVERRIDING SYSTEM VALUE
       VALUES ($1, 0, $2, $3, $3, $4, $5, $6, (SELECT recorder_id FROM session_ledger.recorder WHERE name = 'bank-1'))`,
      [(this.seq += 1), kind, at, application, reason, detail && JSON.stringify(detail)],
    );
  }

  private async subjectOf(userId: string): Promise<string> {
    const subjectId = `00000000-0000-4000-8000-${Buffer.from(userId.padEnd(6, '_').slice(0, 6)).toString('hex')}`;
    await this.client.query(
      `INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
       VALUES ($1, 'default', $2, $3, $4) ON CONFLICT DO NOTHING`,
      [subjectId, userId, salt, commitmentTo(userId)],
    );
    return subjectId;
  }

  private async clientOf(sessionId: string, subjectId: string, from: ClientName, at: string): Promise<string> {
    const [ip, userAgent] = clients[from];
    const { rows } = await this.client.query<{ client_id: string }>(
      `WITH met AS (SELECT client_id FROM session_ledger.client WHERE session_id = $1 AND ip = $3), introduced AS (
         INSERT INTO session_ledger.client (bucket, client_id, session_id, subject_id, ip, user_agent, commitment, first_seen_at)
         SELECT get_byte(uuid_send($1), 15) & 63, nextval('session_ledger.client_id_block'), $1, $2, $3, $4, sha256('any'), $5
          WHERE NOT EXISTS (SELECT 1 FROM met) RETURNING client_id)
       SELECT client_id FROM met UNION ALL SELECT client_id FROM introduced`,
      [sessionId, subjectId, ip, userAgent, at],
    );
    return rows[0]!.client_id;
  }

  private async noteAbout(subjectId: string, text: string): Promise<string> {
    const { rows } = await this.client.query<{ note_id: string }>(
      `INSERT INTO session_ledger.note (note_id, subject_id, text, commitment) VALUES (gen_random_uuid(), $1, $2, sha256('any')) RETURNING note_id`,
      [subjectId, text],
    );
    return rows[0]!.note_id;
  }
}
