import type { ProvableAnswer, ProvenSession } from './verify-evidence-file.js';
import type { LeafEvent } from './verify-live.js';

/** What a file proves, in sentences, and what is left to believe. */
export interface Statement {
  readonly proven: readonly string[];
  readonly restsOn: readonly string[];
}

/** What stands in every file of the kind as `says`: it is a part of the format, so that nothing else can be written there. */
export const whatFilesSay: Readonly<Record<ProvableAnswer['answer'], string>> = {
  logged_in:
    'The events in this file are in the ledger under the signed checkpoint, and by them the user was logged in. Where the next event of a ' +
    'session is in the file, or all events up to the instant, nothing ended the session in between; otherwise the whole ledger alone shows it.',
  not_logged_in:
    'The range in this file is every event of the time in which a session live at the instant could have begun, without a gap, under the ' +
    'signed checkpoint, and none of them makes such a session of this user in these applications. That the ledger knows the user by no ' +
    'other commitment, and no policy of a longer lifetime, rests on whoever runs it.',
  unknown:
    'The events in this file are in the ledger under the signed checkpoint: they say that events of the instant may be lost, so that the ' +
    'ledger does not know whether the user was logged in.',
};

/** What is shown of a session beside that it was live. */
export interface SessionShown {
  readonly sessionId: string;
  /** The event that says where it was used from. */
  readonly seenBy: LeafEvent | undefined;
  /** The last event at or before the instant. */
  readonly decided: LeafEvent;
  /** Whether it is seen that nothing ended it between its last event and the instant. */
  readonly isUnbroken: boolean;
}

/** Puts a checked answer into words. */
export function statementOf(
  answer: ProvableAnswer,
  sessions: readonly SessionShown[],
  longestSeconds: number | undefined,
): Statement {
  if (answer.answer === 'logged_in') return statementOfYes(answer, sessions);
  if (answer.answer === 'not_logged_in') return statementOfNo(answer, sessions, longestSeconds);
  const gaps = answer.evidence.map(({ seq }) => seq).join(', ');
  return {
    proven: [`the ledger says that events of ${answer.at} may be lost (event ${gaps})`],
    restsOn: [`that nothing else on the ledger shows ${userIn(answer)} logged in then`],
  };
}

function statementOfYes(answer: ProvableAnswer, sessions: readonly SessionShown[]): Statement {
  const broken = sessions.filter(({ isUnbroken }) => !isUnbroken);
  return {
    proven: [`${userIn(answer)} was logged in at ${answer.at}`, ...sessionsShown(answer, sessions)],
    restsOn: [
      ...broken.map(
        ({ sessionId, decided }) =>
          `that nothing ended session ${sessionId} between its event ${decided.seq} (${decided.occurredAt}) and the instant`,
      ),
      'that the ledger holds each number within a session once (session-ledger verify, on the whole ledger, shows it)',
      'that the application told the ledger the truth',
    ],
  };
}

function statementOfNo(
  answer: ProvableAnswer,
  sessions: readonly SessionShown[],
  longestSeconds: number | undefined,
): Statement {
  const applications = answer.applications.map(
    ({ name, recordingSince }) => `${name} (recorded since ${recordingSince})`,
  );
  return {
    proven: [
      `${userIn(answer)} was not logged in at ${answer.at}, in ${applications.join(', ')}`,
      `no session was looked for that began longer than ${longestSeconds} seconds before: the longest lifetime of the policies in the file`,
      ...sessionsShown(answer, sessions),
    ],
    restsOn: [
      `that the commitment opened in the file is the only one of ${userIn(answer)}: the operator alone sees whom the others are of`,
      `that no policy before the range allowed a lifetime of more than ${longestSeconds} seconds, and that no gap recorded outside of it covers the instant (the whole ledger shows it)`,
      'that neither the first event of the range nor one in front of it was dated back (session-ledger verify, on the whole ledger, shows it)',
      'that the application told the ledger of every login',
    ],
  };
}

function sessionsShown({ sessions, impersonations }: ProvableAnswer, shown: readonly SessionShown[]): string[] {
  const seen = (session: ProvenSession): string => seenFrom(session, shown);
  return [
    ...sessions.map(
      (session) =>
        `session ${session.sessionId} in ${session.application}: opened at ${session.createdAt}, last used at ${session.lastUseAtOrBefore}, live until ${session.liveUntil} without another use; ${seen(session)}`,
    ),
    ...impersonations.map(
      (session) =>
        `session ${session.sessionId} in ${session.application}: subject ${session.actorId} acted as the user, from ${session.createdAt}, live until ${session.liveUntil} without another use; ${seen(session)}`,
    ),
  ];
}

function seenFrom({ sessionId, client }: ProvenSession, shown: readonly SessionShown[]): string {
  const seenBy = shown.find((session) => session.sessionId === sessionId)?.seenBy;
  if (seenBy === undefined) return 'none of its events in the file says from where';
  if (client === null) return `from where is not disclosed (client ${seenBy.clientId})`;
  return `seen from ${client.ip ?? 'an address not given'} with ${client.userAgent === null ? 'no agent' : JSON.stringify(client.userAgent)} at ${seenBy.occurredAt}`;
}

function userIn({ userId, realm }: ProvableAnswer): string {
  return `${userId} (realm ${realm})`;
}
