import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { queryRows, type Executor } from '../ledger/named-query.js';
import type { Asking } from '../query/asking.js';
import type { Questions, RecordedQuestion } from '../query/question.js';
import type { ReportManifest } from './manifest.js';
import type { ParameterValue } from './report-parameters.js';

/** Parameters of a run, all of them resolved. */
export type RunParameters = Readonly<Record<string, ParameterValue>>;

/**
 * Writes down who asks for which report, why, and about whom. Questions are never erased, so they hold no user ids:
 * known users by their subject, and of others the text in a side table that can be erased.
 */
export async function recordRun(
  reader: DataSource,
  questions: Questions,
  asking: Asking,
  report: string,
  { userIds = null, ...parameters }: RunParameters,
): Promise<RecordedQuestion> {
  const realm = String(parameters['realm']);
  const [onlyUser, ...others] = Array.isArray(userIds) ? (userIds as readonly string[]) : [];
  const about = onlyUser !== undefined && others.length === 0 ? { user: { realm, userId: onlyUser } } : {};
  const recorded = await questions.record({ kind: 'report', asking, about, parameters: { report, ...parameters } });
  if (Array.isArray(userIds)) {
    const known = await knownSubjects(reader, realm, userIds);
    const strangers = userIds
      .filter((userId: string) => !known.has(userId))
      .map((userId: string) => ({ realm, userId }));
    await questions.recordPart(recorded, 0, { subjectIds: [...known.values()], strangers });
  }
  return recorded;
}

const knownSubjectsSql = `
SELECT user_id AS "userId", subject_id AS "subjectId"
  FROM session_ledger.subject WHERE realm = $1 AND user_id = ANY ($2) ORDER BY user_id`;

async function knownSubjects(
  executor: Executor,
  realm: string,
  userIds: readonly string[],
): Promise<Map<string, string>> {
  const rows = await queryRows<{ userId: string; subjectId: string }>(executor, {
    name: 'known_subjects_of_report',
    text: knownSubjectsSql,
    values: [realm, userIds],
  });
  return new Map(rows.map(({ userId, subjectId }) => [userId, subjectId]));
}

/** Writes down that the file is made, with its manifest, so that every instance can hand that out. */
export async function recordManifest(
  questions: Questions,
  recorded: RecordedQuestion,
  manifest: ReportManifest,
): Promise<void> {
  const { parameters, rowCount } = manifest;
  const detail =
    'userIds' in parameters ? { ...manifest, parameters: { ...parameters, userIds: null } } : { ...manifest };
  await questions.recordOutcome(recorded, { outcome: 'answered', rowCount, detail });
}

const readManifestSql = `
SELECT o.detail AS manifest, p.question_id IS NOT NULL AS "isAboutUsers",
       array(SELECT s.user_id FROM session_ledger.subject s WHERE s.subject_id = ANY (p.subject_ids)
              UNION
             SELECT u.user_id FROM session_ledger.question_user u WHERE u.question_id = q.question_id) AS "userIds"
  FROM session_ledger.question q
  JOIN session_ledger.question_outcome o ON o.question_id = q.question_id AND o.outcome = 'answered'
  LEFT JOIN session_ledger.question_part p ON p.question_id = q.question_id AND p.part = 0
 WHERE q.question_id = $1 AND q.kind = 'report'`;

/**
 * The manifest of an earlier run, with the user ids asked about as far as they were not erased since.
 *
 * @throws SessionLedgerError `ERR_NOT_FOUND` for what is no run of a report, or one that gave no file
 */
export async function readManifest(executor: Executor, runId: number): Promise<ReportManifest> {
  const [row] = await queryRows<{ manifest: ReportManifest; isAboutUsers: boolean; userIds: string[] }>(executor, {
    name: 'read_report_manifest',
    text: readManifestSql,
    values: [runId],
  });
  if (row === undefined) throw new SessionLedgerError('ERR_NOT_FOUND', 'there is no such run of a report');
  const { manifest, isAboutUsers, userIds } = row;
  if (!isAboutUsers) return manifest;
  return { ...manifest, parameters: { ...manifest.parameters, userIds: userIds.sort() } };
}
