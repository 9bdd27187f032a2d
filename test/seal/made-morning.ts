import { commit } from '../../src/ledger/commitment.js';
import { instant, type Row } from './made-day.js';

export const [alice, bob, carol] = ['alice', 'bob', 'carol'].map(userOf) as [User, User, User];
export const phone = opened({ ip: '203.0.113.7', userAgent: 'Phone' });
export const laptop = opened({ ip: '198.51.100.9', userAgent: null });
export const [ofAlice, ofBob, atDesk] = ['0a', '0b', '0c'].map((end) => `019cb6a3-f000-7abc-8def-0123456789${end}`) as [
  string,
  string,
  string,
];

/** A morning: a policy of one hour; alice by phone and laptop, who logs out; bob, who lets it lapse; alice once more, at a desk. */
export const morning: Row[] = [
  { kind: 'ledger_started', at: '06:00:00' },
  { kind: 'application_recorded', at: '06:00:01', application: 'web' },
  { kind: 'policy_set', at: '06:00:02', application: 'web', detail: { absoluteSeconds: 60 } },
  { kind: 'policy_set', at: '06:00:03', application: 'web', detail: { absoluteSeconds: 3_600 } },
  created(ofAlice, alice, '09:00:00', { clientId: '1', detail: { clientCommitment: phone.commitment } }),
  created(ofBob, bob, '09:05:00'),
  used(ofAlice, '09:10:00', { clientId: '2', detail: { clientCommitment: laptop.commitment } }),
  used(ofAlice, '09:20:00', { clientId: '1' }),
  { kind: 'revoked', at: '09:30:00', session: ofAlice, reason: 'logout' },
  { kind: 'expired', at: '09:20:00', recordedAt: '09:45:00', session: ofBob, reason: 'idle' },
  { kind: 'application_recorded', at: '09:50:00', application: 'desk' },
  created(atDesk, alice, '10:00:00', { application: 'desk' }),
  { kind: 'horizon_reached', at: '10:30:00', detail: { settledAt: instant('10:29:00') } },
];
export const [policyOfAMinute, creationOfAlice, openingAtDesk, marker] = [2, 4, 11, 12] as const;

interface User {
  userId: string;
  salt: string;
  commitment: string;
  disclosure: { value: { realm: string; userId: string }; salt: string };
}

function userOf(userId: string): User {
  const value = { realm: 'default', userId };
  const { salt, commitment } = commit(value);
  const disclosure = { value, salt: salt.toString('hex') };
  return { userId, salt: disclosure.salt, commitment: commitment.toString('hex'), disclosure };
}

function opened(value: { ip: string | null; userAgent: string | null }) {
  const { salt, commitment } = commit(value);
  return { disclosure: { value, salt: salt.toString('hex') }, commitment: commitment.toString('hex') };
}

function created(session: string, { userId, commitment }: User, at: string, more: Partial<Row> = {}): Row {
  const [hour, rest] = [at.slice(0, 2), at.slice(2)];
  return {
    kind: 'created',
    session,
    at,
    expiresAt: `${hour}${later(rest)}`,
    absoluteExpiresAt: `${String(Number(hour) + 1).padStart(2, '0')}${rest}`,
    subjectId: `${userId.charCodeAt(0).toString(16)}1f7c52-7f0a-4e57-9d6c-5a1e3f0c2d0b`,
    ...more,
    detail: { subjectCommitment: commitment, ...more.detail },
  };
}

function used(session: string, at: string, more: Partial<Row>): Row {
  return { kind: 'used', session, at, expiresAt: `${at.slice(0, 2)}${later(at.slice(2))}`, ...more };
}

/** A quarter of an hour later within the hour. */
function later(minutes: string): string {
  return `:${String(Number(minutes.slice(1, 3)) + 15).padStart(2, '0')}${minutes.slice(3)}`;
}
