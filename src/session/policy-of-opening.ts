import { SessionLedgerError } from '../errors.js';
import { checkedSeconds, loosenedLimits, presetNamed, type Policy } from './policy.js';

/** What one opening may ask for: a preset, or own limits. Never looser than the configured policy. */
export type OpeningPolicy = string | { idleSeconds?: number | null | undefined; absoluteSeconds?: number | undefined };

/**
 * The policy of one opening: the configured one, tightened by what the opening asks for.
 *
 * @throws SessionLedgerError ERR_POLICY_LOOSENED naming the limit, ERR_INVALID_POLICY
 * @example
 * policyOfOpening(configured, { idleSeconds: 300 }).idleSeconds; // 300
 */
export function policyOfOpening(configured: Policy, asked: OpeningPolicy | undefined): Policy {
  if (asked === undefined) return configured;
  const wanted = typeof asked === 'string' ? presetNamed(asked, 'policy') : withLimits(configured, asked);
  const [loosened] = loosenedLimits(wanted, configured).filter((limit) => limit !== 'maxConcurrent');
  if (loosened !== undefined) {
    throw new SessionLedgerError(
      'ERR_POLICY_LOOSENED',
      `policy asks for ${loosened} ${wanted[loosened] ?? 'without limit'}, beyond the configured ${configured[loosened]}`,
      { field: typeof asked === 'string' ? 'policy' : `policy.${loosened}` },
    );
  }
  // How many sessions a user may hold is the user's matter, not one opening's: the stricter limit counts.
  const { maxConcurrent, onLimit } =
    (wanted.maxConcurrent ?? Infinity) < (configured.maxConcurrent ?? Infinity) ? wanted : configured;
  return { ...wanted, maxConcurrent, onLimit };
}

function withLimits(configured: Policy, asked: Exclude<OpeningPolicy, string>): Policy {
  const unknown = Object.keys(asked).find((key) => key !== 'idleSeconds' && key !== 'absoluteSeconds');
  if (unknown !== undefined) {
    throw new SessionLedgerError('ERR_INVALID_POLICY', `policy.${unknown} is not a limit of one opening`, {
      field: `policy.${unknown}`,
    });
  }
  const absoluteSeconds =
    asked.absoluteSeconds === undefined
      ? configured.absoluteSeconds
      : checkedSeconds(asked.absoluteSeconds, 'policy.absoluteSeconds');
  const askedIdle =
    asked.idleSeconds === undefined ? configured.idleSeconds : checkedIdle(asked.idleSeconds, absoluteSeconds);
  // A shorter lifetime alone pulls the configured idle limit down with it; asked for together they must fit.
  const idleSeconds = askedIdle === null ? null : Math.min(askedIdle, absoluteSeconds);
  const isTheSame = idleSeconds === configured.idleSeconds && absoluteSeconds === configured.absoluteSeconds;
  return isTheSame ? configured : { ...configured, idleSeconds, absoluteSeconds, source: 'tightened' };
}

function checkedIdle(idleSeconds: number | null, absoluteSeconds: number): number | null {
  if (idleSeconds === null) return null;
  const checked = checkedSeconds(idleSeconds, 'policy.idleSeconds');
  if (checked > absoluteSeconds) {
    throw new SessionLedgerError('ERR_INVALID_POLICY', 'policy.idleSeconds is above absoluteSeconds', {
      field: 'policy.idleSeconds',
    });
  }
  return checked;
}
