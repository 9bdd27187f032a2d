import { SessionLedgerError } from '../errors.js';
import type { OnLimit, PolicyClause } from './policy-clause.js';
import { policyPresets, type PolicyPresetName } from './policy-presets.js';

/** Named timeouts, resolved and checked. */
export interface Policy {
  readonly name: string;
  /** Seconds without use after which a session lapses; null: none. */
  readonly idleSeconds: number | null;
  /** Seconds after the last fresh authentication after which a session lapses, however much it is used. */
  readonly absoluteSeconds: number;
  /** Live sessions a user may hold at once; null: any number. */
  readonly maxConcurrent: number | null;
  readonly onLimit: OnLimit;
  readonly clauses: readonly PolicyClause[];
  /** Why the policy is looser than its preset; required then, and kept on the ledger. */
  readonly justification: string | null;
  readonly source: 'preset' | 'tightened' | 'loosened' | 'custom';
}

/** A preset with limits of one's own. Tightening is free, loosening needs `justification` (20 characters or more). */
export interface AdjustedPreset {
  readonly preset: PolicyPresetName;
  readonly idleSeconds?: number | null;
  readonly absoluteSeconds?: number;
  readonly maxConcurrent?: number | null;
  readonly onLimit?: OnLimit;
  readonly justification?: string;
}

/** Limits that follow no preset. */
export interface CustomPolicy {
  readonly name: string;
  readonly idleSeconds: number | null;
  readonly absoluteSeconds: number;
  readonly maxConcurrent?: number | null;
  readonly onLimit?: OnLimit;
}

/** How a policy is configured: a preset's name, a preset adjusted, or limits of one's own. */
export type PolicyOption = PolicyPresetName | AdjustedPreset | CustomPolicy;

/** RFC 6265bis 5.5 caps a cookie's life at 400 days: no session outlives its cookie. */
const longestSeconds = 400 * 86_400;
const shortestJustification = 20;

/**
 * Turns the configured option into the policy in force.
 *
 * @param field the name of the setting that errors are to blame.
 * @throws SessionLedgerError ERR_INVALID_POLICY naming the limit: an unknown preset; a limit that is not a whole number
 * of seconds from 1 to 400 days; idle above absolute; a preset loosened without a justification.
 * @example
 * resolvePolicy('pci-dss-4').idleSeconds; // 900
 * resolvePolicy({ preset: 'pci-dss-4', idleSeconds: 300 }).source; // 'tightened'
 */
export function resolvePolicy(option: PolicyOption, field = 'policy'): Policy {
  if (typeof option === 'string') return presetNamed(option, field);
  if (typeof option !== 'object' || option === null) throw invalid(field, 'must be the name of a preset, or an object');
  return 'preset' in option ? adjusted(option, field) : custom(option, field);
}

/** A preset as it stands in `policyPresets`, resolved. */
export function presetNamed(name: string, field: string): Policy {
  const preset = Object.hasOwn(policyPresets, name) ? policyPresets[name as PolicyPresetName] : undefined;
  if (preset === undefined) {
    throw invalid(field, `names no preset; the presets are ${Object.keys(policyPresets).join(', ')}`);
  }
  return { maxConcurrent: null, onLimit: 'evict-oldest', ...preset, name, justification: null, source: 'preset' };
}

/**
 * Checks a limit in seconds.
 *
 * @throws SessionLedgerError ERR_INVALID_POLICY
 */
export function checkedSeconds(seconds: unknown, field: string): number {
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 1 || seconds > longestSeconds) {
    throw invalid(field, `must be a whole number of seconds from 1 to ${longestSeconds} (400 days)`);
  }
  return seconds;
}

/** The limits in which `wanted` goes beyond `bounds`. No limit is the loosest limit. */
export function loosenedLimits(
  wanted: Pick<Policy, 'idleSeconds' | 'absoluteSeconds' | 'maxConcurrent'>,
  bounds: Pick<Policy, 'idleSeconds' | 'absoluteSeconds' | 'maxConcurrent'>,
): ('idleSeconds' | 'absoluteSeconds' | 'maxConcurrent')[] {
  const limits = ['idleSeconds', 'absoluteSeconds', 'maxConcurrent'] as const;
  return limits.filter((limit) => (wanted[limit] ?? Infinity) > (bounds[limit] ?? Infinity));
}

function adjusted(option: AdjustedPreset, field: string): Policy {
  refuseUnknownKeys(
    option,
    ['preset', 'idleSeconds', 'absoluteSeconds', 'maxConcurrent', 'onLimit', 'justification'],
    field,
  );
  const preset = presetNamed(option.preset, `${field}.preset`);
  const limits = checkedLimits({ ...preset, ...withoutUndefined(option) }, field);
  const loosened = loosenedLimits(limits, preset);
  const justification = checkedJustification(option.justification, loosened, field);
  const isTightened =
    limits.idleSeconds !== preset.idleSeconds ||
    limits.absoluteSeconds !== preset.absoluteSeconds ||
    limits.maxConcurrent !== preset.maxConcurrent;
  const source = loosened.length > 0 ? 'loosened' : isTightened ? 'tightened' : 'preset';
  return { ...preset, ...limits, justification, source };
}

function custom(option: CustomPolicy, field: string): Policy {
  refuseUnknownKeys(option, ['name', 'idleSeconds', 'absoluteSeconds', 'maxConcurrent', 'onLimit'], field);
  if (typeof option.name !== 'string' || !/^[a-z0-9][a-z0-9._-]{0,63}$/.test(option.name)) {
    throw invalid(`${field}.name`, 'must be 1 to 64 lower-case letters, digits, dots, hyphens and underscores');
  }
  // A ledger that says "pci-dss-4" must mean the preset.
  if (Object.hasOwn(policyPresets, option.name)) {
    throw invalid(`${field}.name`, 'is the name of a preset; use { preset } or choose another name');
  }
  const limits = checkedLimits({ maxConcurrent: null, onLimit: 'evict-oldest', ...withoutUndefined(option) }, field);
  return { name: option.name, ...limits, clauses: [], justification: null, source: 'custom' };
}

type Limits = Pick<Policy, 'idleSeconds' | 'absoluteSeconds' | 'maxConcurrent' | 'onLimit'>;

function checkedLimits(limits: Limits, field: string): Limits {
  const absoluteSeconds = checkedSeconds(limits.absoluteSeconds, `${field}.absoluteSeconds`);
  const idleSeconds = limits.idleSeconds === null ? null : checkedSeconds(limits.idleSeconds, `${field}.idleSeconds`);
  if (idleSeconds !== null && idleSeconds > absoluteSeconds) {
    throw invalid(`${field}.idleSeconds`, `is ${idleSeconds}, above absoluteSeconds, which is ${absoluteSeconds}`);
  }
  const { maxConcurrent, onLimit } = limits;
  if (maxConcurrent !== null && (!Number.isInteger(maxConcurrent) || maxConcurrent < 1 || maxConcurrent > 10_000)) {
    throw invalid(`${field}.maxConcurrent`, 'must be a whole number from 1 to 10000, or null');
  }
  if (onLimit !== 'evict-oldest' && onLimit !== 'refuse') {
    throw invalid(`${field}.onLimit`, 'must be evict-oldest or refuse');
  }
  return { idleSeconds, absoluteSeconds, maxConcurrent, onLimit };
}

function checkedJustification(justification: unknown, loosened: readonly string[], field: string): string | null {
  if (justification === undefined && loosened.length === 0) return null;
  const isSaid = typeof justification === 'string' && [...justification.trim()].length >= shortestJustification;
  if (!isSaid) {
    const what = loosened.length > 0 ? `${loosened.join(', ')} beyond the preset` : 'this policy';
    throw invalid(`${field}.justification`, `must say why ${what}, in ${shortestJustification} characters or more`);
  }
  return justification;
}

function refuseUnknownKeys(option: object, known: readonly string[], field: string): void {
  const unknown = Object.keys(option).find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalid(`${field}.${unknown}`, `is not known; known are ${known.join(', ')}`);
}

function withoutUndefined<T extends object>(option: T): T {
  return Object.fromEntries(Object.entries(option).filter(([, value]) => value !== undefined)) as T;
}

function invalid(field: string, what: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_POLICY', `${field} ${what}`, { field });
}
