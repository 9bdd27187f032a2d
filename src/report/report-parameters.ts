import { SessionLedgerError, shownName } from '../errors.js';
import { parseInstant, type Instant } from '../ledger/instant.js';
import { checkedName, checkedUserId } from '../ledger/user-id.js';
import type { ReportDefinition, ReportParameter } from './report-definition.js';

/** Values by parameter name, as somebody sent or typed them. */
export type GivenParameters = Readonly<Record<string, unknown>>;

/** A value as the statement and the manifest have it; null: left out. */
export type ParameterValue = string | readonly string[] | null;

/** What a run may speak of, and until when the ledger is settled. */
export interface RunBounds {
  /** The only realm that whoever asks may see; undefined: any. */
  readonly realm?: string | undefined;
  /** The only applications that whoever asks may see; undefined: all. */
  readonly applications?: readonly string[] | undefined;
  /** The database's clock. */
  readonly databaseNow: Instant;
  readonly horizon: Instant;
}

const longestList = 1000;

/**
 * Checks what was given, fills in what was left out, and brings lists into one order, so that runs of the same
 * parameters have the same manifest.
 *
 * A report covers only what is settled at `asKnownAt`: no instant may lie after it. So a run that is repeated with the
 * manifest's parameters gives the same bytes.
 *
 * @throws SessionLedgerError ERR_INVALID_INPUT, ERR_INVALID_USER_ID, ERR_FORBIDDEN, ERR_RANGE_REVERSED, ERR_INSTANT_IN_FUTURE,
 * ERR_NOT_SETTLED and what `parseInstant` throws, each with `field` such as `parameters.from`.
 */
export function resolveParameters(
  definition: ReportDefinition,
  given: GivenParameters,
  bounds: RunBounds,
): Record<string, ParameterValue> {
  const known = definition.parameters.map(({ name }) => name);
  for (const name of Object.keys(given).filter((sent) => !known.includes(sent)))
    throw refused(shownName(name), `is no parameter of ${definition.name}; it has ${known.join(', ')}`);
  const values = Object.fromEntries(
    definition.parameters.map((parameter) => [parameter.name, readValue(parameter, given[parameter.name])]),
  );
  const asKnownAt = settled('asKnownAt', values['asKnownAt'], bounds.horizon, bounds.databaseNow) ?? bounds.horizon;
  const filled: Record<string, ParameterValue> = { ...values, asKnownAt };
  for (const { name, whenOmitted, type } of definition.parameters) {
    if (filled[name] !== null) continue;
    if (whenOmitted === 'refused') throw refused(name, 'is needed');
    if (whenOmitted === 'asKnownAt') filled[name] = type.endsWith('[]') ? [asKnownAt] : asKnownAt;
  }
  for (const { name, type } of definition.parameters)
    if (type.startsWith('instant')) settled(name, filled[name], asKnownAt, bounds.databaseNow);
  refuseReversedRange(filled);
  return { ...filled, ...visible(filled, bounds) };
}

function readValue(parameter: ReportParameter, value: unknown): ParameterValue {
  const { name, type } = parameter;
  if (value === undefined || value === null) return null;
  const readOne = readers[type.replace('[]', '') as keyof typeof readers];
  if (!type.endsWith('[]')) return readOne(name, value);
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > longestList)
    throw refused(name, `must have 1 to ${longestList} values, or be left out`);
  return [...new Set(list.map((item) => readOne(name, item)))].sort();
}

const readers = {
  instant: readInstant,
  text: (name: string, value: unknown) => checkedName(value, fieldOf(name)),
  userId: (name: string, value: unknown) => checkedUserId(value, fieldOf(name)),
};

function readInstant(name: string, value: unknown): Instant {
  if (typeof value !== 'string') throw refused(name, 'must be an instant, such as 2026-03-04T02:14:00Z');
  return parseInstant(value, { field: fieldOf(name) });
}

function settled(name: string, value: ParameterValue | undefined, until: string, now: string): string | undefined {
  const instants = typeof value === 'string' ? [value] : (value ?? []);
  for (const instant of instants) {
    if (instant > now)
      throw new SessionLedgerError('ERR_INSTANT_IN_FUTURE', `${name} lies in the future`, { field: fieldOf(name) });
    if (instant > until)
      throw new SessionLedgerError('ERR_NOT_SETTLED', `${name} lies after ${until}, until when the report is settled`, {
        field: fieldOf(name),
      });
  }
  return instants[0];
}

function refuseReversedRange({ from, to }: Record<string, ParameterValue>): void {
  if (typeof from === 'string' && typeof to === 'string' && from >= to)
    throw new SessionLedgerError('ERR_RANGE_REVERSED', 'to must lie after from', { field: fieldOf('to') });
}

/** The realm and applications of the run: those asked for, kept within what whoever asks may see. */
function visible(
  { realm, applications }: Record<string, ParameterValue>,
  bounds: RunBounds,
): Record<'realm' | 'applications', ParameterValue> {
  const inRealm = realm ?? bounds.realm ?? 'default';
  if (bounds.realm !== undefined && inRealm !== bounds.realm) throw forbidden('realm');
  const allowed = bounds.applications;
  const ofApplications = applications ?? (allowed === undefined ? null : [...allowed].sort());
  if (allowed !== undefined && Array.isArray(ofApplications) && !ofApplications.every((name) => allowed.includes(name)))
    throw forbidden('applications');
  return { realm: inRealm, applications: ofApplications };
}

function refused(name: string, what: string): SessionLedgerError {
  return new SessionLedgerError('ERR_INVALID_INPUT', `${name} ${what}`, { field: fieldOf(name) });
}

function forbidden(name: string): SessionLedgerError {
  return new SessionLedgerError('ERR_FORBIDDEN', `this API key is bound to another ${name}`, { field: fieldOf(name) });
}

function fieldOf(name: string): string {
  return `parameters.${name}`;
}
