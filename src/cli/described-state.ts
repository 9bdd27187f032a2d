import type { Evidence } from '../query/evidence.js';
import type { LoginState } from '../query/login-state-at.js';
import type { LoginStateOver, SessionOver } from '../query/login-state-over.js';
import type { ImpersonationAt, SessionAt } from '../query/sessions-at.js';
import { inZone } from './local-time.js';
import { printable } from './printable.js';
import { alarm, covering, standing } from './standing.js';
import { table } from './table.js';

/** An answer about an instant, for people. */
export function describedState(state: LoginState, zone: string): string {
  const reason = state.reason === null ? '' : ` (${state.reason})`;
  const later = state.later.sessions.map(({ sessionId, firstUseAfter, state: became, endedAt, endReason }) => [
    sessionId,
    inZone(firstUseAfter, zone),
    became,
    inZone(endedAt, zone),
    endReason,
  ]);
  return [
    `${whom(state)} at ${inZone(state.at, zone)}: ${inWords(state.answer)}${reason}\n`,
    standing(state, zone),
    covering(state.applications, zone),
    alarm(state),
    titled(['session', 'application', 'created', 'live until', 'address'], state.sessions.map(cellsAt(zone))),
    titled(
      ['impersonation', 'application', 'created', 'live until', 'address', 'actor'],
      state.impersonations.map((session) => [...cellsAt(zone)(session), actorOf(session)]),
    ),
    titled(['later', 'next use', 'state', 'ended', 'reason'], later),
    evidence(state.evidence, zone),
  ].join('');
}

/** An answer over a range, for people. */
export function describedRange(state: LoginStateOver, verdict: string, zone: string): string {
  const intervals = state.intervals.map(({ from, to, answer, reason }) => [
    inZone(from, zone),
    inZone(to, zone),
    inWords(answer),
    reason,
  ]);
  const omitted = state.sessionsOmitted === 0 ? '' : `${state.sessionsOmitted} older sessions are not shown\n`;
  return [
    `${whom(state)} from ${inZone(state.from, zone)} to ${inZone(state.to, zone)}: ${verdict}\n`,
    standing(state, zone),
    `The ledger can know ${{ full: 'all', partial: 'a part', none: 'nothing' }[state.coverage]} of it\n`,
    covering(state.applications, zone),
    alarm(state),
    titled(['from', 'to', 'answer', 'reason'], intervals),
    titled(['session', 'application', 'live from', 'live to'], state.sessions.flatMap(cellsOver(zone))),
    titled(['impersonation', 'application', 'live from', 'live to'], state.impersonations.flatMap(cellsOver(zone))),
    evidence(state.evidence, zone),
    omitted,
  ].join('');
}

function whom({ userId, realm }: { userId: string; realm: string }): string {
  return `${printable(userId)} (realm ${printable(realm)})`;
}

function inWords(answer: string): string {
  return answer.replaceAll('_', ' ');
}

function cellsAt(zone: string): (session: SessionAt) => (string | null)[] {
  return ({ sessionId, application, createdAt, liveUntil, client }) => [
    sessionId,
    application,
    inZone(createdAt, zone),
    inZone(liveUntil, zone),
    client?.ip ?? null,
  ];
}

function actorOf({ actor }: ImpersonationAt): string | null {
  return actor === null ? null : `${actor.userId} (realm ${actor.realm})`;
}

function cellsOver(zone: string): (session: SessionOver) => (string | null)[][] {
  return ({ sessionId, application, live }) =>
    live.map(({ from, to }) => [sessionId, application, inZone(from, zone), inZone(to, zone)]);
}

function evidence(events: readonly Evidence[], zone: string): string {
  const rows = events.map(({ seq, kind, occurredAt, recordedAt }) => [
    String(seq),
    kind,
    inZone(occurredAt, zone),
    inZone(recordedAt, zone),
  ]);
  return titled(['seq', 'event', 'occurred', 'recorded'], rows);
}

function titled(headings: string[], rows: (string | null)[][]): string {
  return rows.length === 0 ? '' : `\n${table(headings, rows)}`;
}
