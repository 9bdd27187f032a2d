import { createHash } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { explainedRows, explainedTransaction } from './explained-query.js';
import { recorderId } from '../ledger/recorder.js';
import { inLedgerTerms } from '../session/ledger-terms.js';
import { ensureSubject } from '../session/subject.js';
import type { OpenInput } from '../session/open-input.js';
import { Sessions } from '../session/sessions.js';
import { checkedUserId } from '../ledger/user-id.js';

type Opened = Awaited<ReturnType<Sessions['open']>>;

/** An `Idempotency-Key` as it came, and the API key it came with: two holders may choose the same one. */
export interface OpeningClaim {
  readonly apiKeyId: string;
  readonly idempotencyKey: string;
}

/**
 * Opens sessions for callers that may not have received the answer to an earlier attempt. A token is shown once and
 * kept nowhere, so the earlier answer cannot be repeated: the retry revokes the session whose token did not arrive
 * (`undelivered`) and opens another, in one transaction. However many retries run at once, one session is live after
 * them: they wait for each other at the claim's row. A claim is remembered for 24 hours.
 */
export class IdempotentOpenings {
  /**
   * @param writer a pool of its own: an opening holds a connection of it while `sessions` takes another one of theirs,
   *   and with one pool for both, openings enough at once would wait for each other for ever.
   */
  constructor(
    private readonly writer: DataSource,
    private readonly sessions: Sessions,
  ) {}

  /**
   * @throws SessionLedgerError `ERR_INVALID_INPUT` when the key was used for another user before.
   * @example
   * await openings.open({ apiKeyId, idempotencyKey: '8e03…' }, { userId: 'alice' }, recordedBy);
   */
  async open(claim: OpeningClaim, input: OpenInput & { realm: string }, recordedBy: string): Promise<Opened> {
    const subjectIds = await this.recordSubjects(input);
    // Beforehand too, and found by the transaction on its own connection: it holds the user's lock from its first step on.
    await inLedgerTerms(() => recorderId(this.writer, recordedBy));
    return explainedTransaction(this.writer, async (manager) => {
      const earlier = await claimOpening(manager, claim, subjectIds);
      if (!earlier.isSameSubject)
        throw new SessionLedgerError(
          'ERR_INVALID_INPUT',
          'this Idempotency-Key belongs to an opening for another user; send a key of its own with each opening',
          { field: 'Idempotency-Key' },
        );
      if (earlier.sessionId !== null)
        await this.sessions.revoke(earlier.sessionId, { reason: 'undelivered', recordedBy }, { manager });
      const opened = await this.sessions.open(input, { manager, recordedBy });
      await keepClaim(manager, claim, opened.session.sessionId);
      return opened;
    });
  }

  /** The user first, then who acts for them: recorded beforehand, because a transaction joins recorded subjects only. */
  private async recordSubjects({ realm, userId, actor }: OpenInput & { realm: string }): Promise<string[]> {
    const subjects = [{ realm, userId }];
    if (actor !== undefined)
      subjects.push({ realm: actor.realm ?? realm, userId: checkedUserId(actor.userId, 'actor.userId') });
    const recorded: string[] = [];
    for (const subject of subjects)
      recorded.push((await ensureSubject(this.writer, subject.realm, subject.userId)).subjectId);
    return recorded;
  }
}

interface EarlierOpening {
  sessionId: string | null;
  isSameSubject: boolean;
}

const claimOpeningSql = `
SELECT session_id AS "sessionId", is_same_subject AS "isSameSubject" FROM session_ledger.claim_opening($1, $2, $3)`;

async function claimOpening(
  manager: EntityManager,
  claim: OpeningClaim,
  subjectIds: string[],
): Promise<EarlierOpening> {
  const values = [claim.apiKeyId, digestOf(claim), subjectIds];
  const [earlier] = await explainedRows<EarlierOpening>(manager, {
    name: 'opening_claim',
    text: claimOpeningSql,
    values,
  });
  if (earlier === undefined) throw new SessionLedgerError('ERR_INTERNAL', 'claim_opening answered no row');
  return earlier;
}

const keepClaimSql = `
UPDATE session_ledger.idempotent_opening SET session_id = $3 WHERE api_key_id = $1 AND key_digest = $2`;

async function keepClaim(manager: EntityManager, claim: OpeningClaim, sessionId: string): Promise<void> {
  const values = [claim.apiKeyId, digestOf(claim), sessionId];
  await explainedRows(manager, { name: 'opening_keep', text: keepClaimSql, values });
}

function digestOf({ idempotencyKey }: OpeningClaim): Buffer {
  return createHash('sha256').update(idempotencyKey).digest();
}
