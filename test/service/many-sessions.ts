import pg from 'pg';
import { bucketOf, mintToken } from '../../src/token/session-token.js';

/** A user with sessions that are open on the ledger. */
export interface UserWithSessions {
  readonly userId: string;
  readonly sessions: readonly { readonly token: string; readonly sessionId: string }[];
}

const recordSubjectsSql = `
INSERT INTO session_ledger.subject (subject_id, realm, user_id, salt, commitment)
SELECT gen_random_uuid(), 'default', 'user-' || n, decode(md5(n::text), 'hex'), sha256(n::text::bytea)
  FROM generate_series(1, $1::integer) n
RETURNING subject_id AS "subjectId", user_id AS "userId"`;

const openAllSql = `
SELECT count(session_ledger.open_session(o.session_id, o.secret_digest, o.subject_id, NULL, 'default', 600, 3600, NULL, 'evict-oldest',
                                         '{pwd}', NULL, '{}', NULL, NULL, NULL, (SELECT min(recorder_id) FROM session_ledger.recorder)))
  FROM unnest($1::uuid[], $2::bytea[], $3::uuid[]) AS o(session_id, secret_digest, subject_id)`;

/** Opens sessions for many users in one statement: over HTTP, opening them would take longer than what is to be seen. */
export async function openManySessions(
  url: string,
  users: number,
  sessionsPerUser: number,
): Promise<UserWithSessions[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ subjectId: string; userId: string }>(recordSubjectsSql, [users]);
    const minted = rows.map(({ subjectId }) =>
      Array.from({ length: sessionsPerUser }, () => ({ subjectId, ...mintToken(bucketOf(subjectId), Date.now()) })),
    );
    const all = minted.flat();
    await client.query(openAllSql, [
      all.map(({ sessionId }) => sessionId),
      all.map(({ secretDigest }) => secretDigest),
      all.map(({ subjectId }) => subjectId),
    ]);
    return rows.map(({ userId }, n) => ({ userId, sessions: minted[n]! }));
  } finally {
    await client.end();
  }
}
