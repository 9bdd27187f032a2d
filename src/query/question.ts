import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import type { Instant } from '../ledger/instant.js';
import { queryRows } from '../ledger/named-query.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { checkedName } from '../ledger/user-id.js';
import type { Asking } from './asking.js';

/** What can be asked. */
export type QuestionKind =
  | 'login_state_at'
  | 'login_state_over'
  | 'login_state_batch'
  | 'sessions_of_user'
  | 'session'
  | 'session_events'
  | 'logged_in_at'
  | 'clients_seen'
  | 'event_proof'
  | 'report'
  | 'report_manifest';

/** About whom: a user, whoever a session belongs to, or whoever was seen from somewhere. Nobody in particular when empty. */
export interface AskedAbout {
  user?: { realm: string; userId: string };
  sessionId?: string;
  client?: { ip: string | null; userAgent: string | null };
}

/** A question as it goes on record. `parameters` holds nothing about a person, because questions are never erased. */
export interface Question {
  readonly kind: QuestionKind;
  readonly asking: Asking;
  readonly about: AskedAbout;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A question on record. */
export interface RecordedQuestion {
  readonly questionId: number;
  /** The database's now, as of which the question is answered. */
  readonly askedAt: Instant;
}

/** How a question ended. */
export interface QuestionOutcome {
  readonly outcome: 'answered' | 'failed' | 'abandoned';
  /** Rows of the answer that went out. */
  readonly rowCount: number;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/**
 * Asking is recorded too: each question in a transaction of its own before it is answered, and how it ended after.
 * A question that cannot be recorded is not answered.
 */
export class Questions {
  constructor(private readonly recorder: DataSource) {}

  /** Records the question, answers it, records how it ended, and only then hands the answer out. */
  async answer<Answer>(
    question: Question,
    answer: (recorded: RecordedQuestion) => Promise<Answer>,
    rowCountOf: (answer: Answer) => number,
  ): Promise<Answer> {
    const recorded = await this.record(question);
    try {
      const answered = await answer(recorded);
      await this.recordOutcome(recorded, { outcome: 'answered', rowCount: rowCountOf(answered) });
      return answered;
    } catch (failure) {
      throw await this.recordFailure(recorded, failure, 0);
    }
  }

  async record({ kind, asking, about, parameters }: Question): Promise<RecordedQuestion> {
    const caseId = asking.caseId === undefined ? null : checkedName(asking.caseId, 'caseId');
    try {
      const subjectId = about.sessionId === undefined ? null : await subjectOfSession(this.recorder, about.sessionId);
      return await recordQuestion(this.recorder, [
        [...asking.askedBy].slice(0, 255).join(''),
        kind,
        JSON.stringify(parameters),
        caseId,
        subjectId,
        about.user?.realm ?? null,
        about.user?.userId ?? null,
        about.client?.ip ?? null,
        about.client?.userAgent ?? null,
      ]);
    } catch (failure) {
      throw toSessionLedgerError(failure);
    }
  }

  async recordOutcome({ questionId }: RecordedQuestion, ended: QuestionOutcome): Promise<void> {
    try {
      await recordQuestionOutcome(this.recorder, questionId, ended);
    } catch (failure) {
      throw toSessionLedgerError(failure);
    }
  }

  /** Records that no answer came of it, and returns what the asker is to be told. */
  async recordFailure(recorded: RecordedQuestion, failure: unknown, rowCount: number): Promise<SessionLedgerError> {
    const told = toSessionLedgerError(failure);
    try {
      await this.recordOutcome(recorded, { outcome: 'failed', rowCount, detail: { code: told.code } });
    } catch {
      // What failed first is what the asker has to hear; a question without an outcome is on record as just that.
    }
    return told;
  }

  /** About whom a part of a list of questions is; before its answers go out. */
  async recordPart({ questionId }: RecordedQuestion, part: number, about: PartOfList): Promise<void> {
    try {
      await recordQuestionPart(this.recorder, questionId, part, about);
    } catch (failure) {
      throw toSessionLedgerError(failure);
    }
  }
}

/** The users of one part of a list: those the ledger knows by their subject, the others by their text. */
export interface PartOfList {
  readonly subjectIds: readonly string[];
  readonly strangers: readonly { realm: string; userId: string }[];
}

const subjectOfSessionSql = `
SELECT e.subject_id AS "subjectId"
  FROM session_ledger.event e
 WHERE e.bucket = get_byte(uuid_send($1::uuid), 15) & 63 AND e.session_id = $1 AND e.kind = 'created'
   AND e.recorded_at >= session_ledger.before_birth_of($1)
 LIMIT 1`;

async function subjectOfSession(recorder: DataSource, sessionId: string): Promise<string | null> {
  const statement = { name: 'subject_of_session', text: subjectOfSessionSql, values: [sessionId] };
  return (await queryRows<{ subjectId: string }>(recorder, statement))[0]?.subjectId ?? null;
}

const recordQuestionSql = `
WITH asked AS (
  INSERT INTO session_ledger.question (asked_by, kind, parameters, case_id, subject_id)
  VALUES ($1, $2, $3, $4, coalesce($5::uuid, (SELECT s.subject_id FROM session_ledger.subject s WHERE s.realm = $6 AND s.user_id = $7)))
  RETURNING question_id, asked_at, subject_id
), stranger AS (
  INSERT INTO session_ledger.question_user (question_id, realm, user_id)
  SELECT question_id, $6, $7 FROM asked WHERE subject_id IS NULL AND $7::text IS NOT NULL
), client AS (
  INSERT INTO session_ledger.question_client (question_id, ip, user_agent)
  SELECT question_id, $8::cidr, $9 FROM asked WHERE $8::cidr IS NOT NULL OR $9::text IS NOT NULL
)
SELECT question_id AS "questionId", asked_at AS "askedAt" FROM asked`;

async function recordQuestion(recorder: DataSource, values: unknown[]): Promise<RecordedQuestion> {
  const statement = { name: 'record_question', text: recordQuestionSql, values };
  return (await queryRows<RecordedQuestion>(recorder, statement))[0]!;
}

const recordQuestionOutcomeSql = `
INSERT INTO session_ledger.question_outcome (question_id, outcome, row_count, detail) VALUES ($1, $2, $3, $4)`;

async function recordQuestionOutcome(recorder: DataSource, questionId: number, ended: QuestionOutcome): Promise<void> {
  const detail = ended.detail === undefined ? null : JSON.stringify(ended.detail);
  const values = [questionId, ended.outcome, ended.rowCount, detail];
  await queryRows(recorder, { name: 'record_question_outcome', text: recordQuestionOutcomeSql, values });
}

const recordQuestionPartSql = `
WITH stranger AS (
  INSERT INTO session_ledger.question_user (question_id, realm, user_id)
  SELECT $1, u.realm, u.user_id FROM unnest($4::text[], $5::text[]) AS u(realm, user_id)
  ON CONFLICT DO NOTHING
)
INSERT INTO session_ledger.question_part (question_id, part, subject_ids) VALUES ($1, $2, $3)`;

async function recordQuestionPart(
  recorder: DataSource,
  questionId: number,
  part: number,
  { subjectIds, strangers }: PartOfList,
): Promise<void> {
  const realms = strangers.map(({ realm }) => realm);
  const userIds = strangers.map(({ userId }) => userId);
  const values = [questionId, part, subjectIds, realms, userIds];
  await queryRows(recorder, { name: 'record_question_part', text: recordQuestionPartSql, values });
}
