import { addMicroseconds, type Instant } from '../../src/ledger/instant.js';
import { answerByLeaves, type AnswerGround } from '../../src/seal/verify-answer.js';
import type { DisclosedClient, Disclosure, EvidenceFile, ProvenRange } from '../../src/seal/verify-evidence-file.js';
import type { LeafEvent } from '../../src/seal/verify-live.js';
import { coveredUntil, longestSecondsBy, slackBefore } from '../../src/seal/verify-range.js';
import { whatFilesSay } from '../../src/seal/verify-statement.js';
import type { MadeLog } from './made-log.js';

/** What a file of evidence is made about. */
export interface MadeQuestion {
  userId: string;
  at: Instant;
  applications: readonly string[];
  /** What opens the user. */
  salt: string;
  commitment: string;
  clients?: readonly Disclosure<DisclosedClient>[];
}

/** The file of a yes: of each live session what decides, what introduced its client, and what came next in it. */
export async function evidenceOfYes(log: MadeLog, question: MadeQuestion): Promise<EvidenceFile> {
  const { at, commitment } = question;
  const ofUser = new Set(
    log.events.filter(({ detail }) => detail?.['subjectCommitment'] === commitment).map(({ sessionId }) => sessionId),
  );
  const ofSessions = log.events.filter(({ sessionId }) => sessionId !== undefined && ofUser.has(sessionId));
  const { sessions } = answerByLeaves(groundOf(question, [...ledgerEvents(log, question), ...ofSessions], [], null));
  const live = new Set(sessions.filter(({ isLive }) => isLive).map(({ sessionId }) => sessionId));
  const shown = ofSessions.filter(({ sessionId, occurredAt }) => live.has(sessionId!) && occurredAt <= at);
  const next = sessions.flatMap(({ sessionId, decided }) =>
    log.events.filter((event) => event.sessionId === sessionId && event.sessionSeq === decided.sessionSeq! + 1),
  );
  const last = sessions.filter(({ sessionId }) => !next.some((event) => event.sessionId === sessionId));
  const start = Math.min(...last.map(({ decided }) => log.events.indexOf(decided)));
  const range = last.length === 0 ? null : await log.range(start, endOf(log, at));
  return evidenceFile(log, question, [...ledgerEvents(log, question), ...shown, ...next], range, null);
}

/** The file of a no: all that was recorded while a session could have begun. */
export async function evidenceOfNo(log: MadeLog, question: MadeQuestion): Promise<EvidenceFile> {
  const { at, commitment } = question;
  const policies = log.events.filter(({ kind, occurredAt }) => kind === 'policy_set' && occurredAt <= at);
  const opening = log.events.filter(({ detail }) => detail?.['subjectCommitment'] === commitment).slice(-1);
  const since = addMicroseconds(at, BigInt(longestSecondsBy(policies, at)!) * -1_000_000n);
  const bound = addMicroseconds(since, -slackBefore);
  const start = Math.max(
    0,
    log.events.findLastIndex(({ recordedAt }) => recordedAt < bound),
  );
  const range = await log.range(start, endOf(log, at));
  const events = [...ledgerEvents(log, question), ...policies, ...opening];
  const live = answerByLeaves(groundOf(question, events, eventsIn(range), since)).sessions.filter(
    ({ isLive }) => isLive,
  );
  const created = log.events.filter(
    ({ kind, sessionId }) => kind === 'created' && live.some((session) => session.sessionId === sessionId),
  );
  return evidenceFile(log, question, [...events, ...created], range, since);
}

/** A file of these events and this range, with the answer that follows from them. */
export async function evidenceFile(
  log: MadeLog,
  question: MadeQuestion,
  events: readonly LeafEvent[],
  range: ProvenRange | null,
  since: Instant | null,
): Promise<EvidenceFile> {
  const { answer } = answerByLeaves(groundOf(question, events, range === null ? [] : eventsIn(range), since));
  const indexes = [...new Set(events.map((event) => log.events.indexOf(event)))].sort((a, b) => a - b);
  return {
    format: 'session-ledger-evidence@v1',
    says: whatFilesSay[answer.answer],
    answer,
    checkpoint: await log.checkpoint(),
    events: await Promise.all(indexes.map((index) => log.leaf(index))),
    range,
    subject: { value: { realm: 'default', userId: question.userId }, salt: question.salt },
    clients: question.clients ?? [],
  };
}

function ledgerEvents(log: MadeLog, { applications, at }: MadeQuestion): LeafEvent[] {
  return log.events.filter(
    ({ kind, application, occurredAt }) =>
      kind === 'application_recorded' && applications.includes(application ?? '') && occurredAt <= at,
  );
}

/** Behind the first leaf up to which everything is shown. */
function endOf(log: MadeLog, at: Instant): number {
  const end = log.events.findIndex((event) => (coveredUntil([event]) ?? '') >= at);
  return end < 0 ? log.events.length : end + 1;
}

function eventsIn({ leaves }: ProvenRange): LeafEvent[] {
  return leaves.map((leaf) => JSON.parse(leaf) as LeafEvent);
}

function groundOf(
  { userId, at, commitment, clients = [] }: MadeQuestion,
  events: readonly LeafEvent[],
  range: readonly LeafEvent[],
  since: Instant | null,
): AnswerGround {
  return { userId, realm: 'default', at, subjectCommitment: commitment, since, events, range, clients };
}
