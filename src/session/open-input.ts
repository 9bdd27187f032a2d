import { SessionLedgerError } from '../errors.js';
import { parseToken, type TokenClaim } from '../token/session-token.js';
import { checkedAcr, checkedAmr, checkedAttributes } from './attributes.js';
import { canonicalClient, type ClientSeen, type SeenClient } from './client.js';
import type { SessionActor } from './live-session.js';
import type { Policy } from './policy.js';
import { policyOfOpening, type OpeningPolicy } from './policy-of-opening.js';
import type { SessionsOptions } from './sessions-options.js';
import { checkedName, checkedUserId } from '../ledger/user-id.js';

/**
 * What an application says about a login.
 *
 * @example
 * const input: OpenInput = { userId: 'alice', client: { ip: '203.0.113.7' }, amr: ['pwd', 'otp'] };
 */
export interface OpenInput {
  /** 1 to 255 characters, any Unicode except control characters, compared byte for byte. */
  readonly userId: string;
  readonly realm?: string | undefined;
  readonly application?: string | undefined;
  readonly client?: ClientSeen | undefined;
  /** Authentication methods (RFC 8176). */
  readonly amr?: readonly string[] | undefined;
  /** Authentication context class (OpenID Connect Core 1.0, 2). */
  readonly acr?: string | undefined;
  /** Who acts as the user: such a session never counts as the user being logged in. */
  readonly actor?: { readonly userId: string; readonly realm?: string | undefined } | undefined;
  /** A preset's name or own limits, no looser than the configured policy. */
  readonly policy?: OpeningPolicy | undefined;
  /** Extra facts, kept for ever: a short list of keys, no secrets. */
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  /** The token the request came with: its session is revoked as `replaced` (OWASP ASVS 5.0 7.2.4), so that none is fixed upon the user. */
  readonly replaces?: string | undefined;
}

/** An opening whose every part was checked. */
export interface CheckedOpening {
  readonly userId: string;
  readonly realm: string;
  readonly application: string;
  readonly client: SeenClient | undefined;
  readonly amr: string[];
  readonly acr: string | null;
  readonly actor: SessionActor | null;
  readonly policy: Policy;
  readonly attributes: Record<string, string> | undefined;
  readonly replaces: TokenClaim | undefined;
}

/**
 * Checks the input of an opening and fills in what it leaves to the options.
 *
 * @throws SessionLedgerError ERR_INVALID_USER_ID, ERR_INVALID_INPUT, ERR_INVALID_POLICY, ERR_POLICY_LOOSENED,
 * ERR_SENSITIVE_ATTRIBUTE, each naming the field.
 */
export function checkedOpening(
  input: OpenInput,
  options: Pick<SessionsOptions, 'realm' | 'application' | 'policy'>,
  attributeKeys: readonly string[],
): CheckedOpening {
  const userId = checkedUserId(input.userId);
  const realm = checkedName(input.realm ?? options.realm, 'realm');
  return {
    userId,
    realm,
    application: checkedName(input.application ?? options.application, 'application'),
    client: canonicalClient(input.client),
    amr: checkedAmr(input.amr),
    acr: checkedAcr(input.acr),
    actor: checkedActor(input.actor, { userId, realm }),
    policy: policyOfOpening(options.policy, input.policy),
    attributes: input.attributes === undefined ? undefined : checkedAttributes(input.attributes, attributeKeys),
    // Whatever is not exactly a token names no session that could be replaced.
    replaces: parseToken(input.replaces),
  };
}

function checkedActor(actor: OpenInput['actor'], user: SessionActor): SessionActor | null {
  if (actor === undefined || actor === null) return null;
  const checked = {
    userId: checkedUserId(actor.userId, 'actor.userId'),
    realm: checkedName(actor.realm ?? user.realm, 'actor.realm'),
  };
  if (checked.userId === user.userId && checked.realm === user.realm) {
    throw new SessionLedgerError('ERR_INVALID_INPUT', 'actor is the user: nobody acts as themselves, leave it out', {
      field: 'actor',
    });
  }
  return checked;
}
