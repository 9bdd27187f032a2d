import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { numbered, type NumberedStatement } from './named-parameters.js';

/** One parameter of a report, as `definition.json` has it. */
export interface ReportParameter {
  readonly name: string;
  readonly type: (typeof parameterTypes)[number];
  /** In words: what holds when it is left out; `refused` when it may not be. */
  readonly whenOmitted: string;
  readonly meaning: string;
  readonly example: string;
}

/** One column of a report, as `definition.json` has it. */
export interface ReportColumn {
  readonly name: string;
  readonly type: (typeof columnTypes)[number];
  readonly meaning: string;
}

/** A report: a folder of `reports/`, readable without TypeScript. */
export interface ReportDefinition {
  readonly name: string;
  readonly title: string;
  readonly question: string;
  /** Roles of API keys that may run it. */
  readonly roles: readonly ('analyst' | 'compliance')[];
  readonly parameters: readonly ReportParameter[];
  readonly columns: readonly ReportColumn[];
  /** `report.sql`, as it lies there. */
  readonly sql: string;
  readonly statement: NumberedStatement;
  /** SHA-256 of the bytes of `report.sql` followed by those of `definition.json`, in hex. */
  readonly sha256: string;
}

const parameterTypes = ['text', 'text[]', 'userId[]', 'instant', 'instant[]'] as const;
const columnTypes = ['text', 'text[]', 'uuid', 'ip', 'instant', 'integer', 'integer[]', 'seconds'] as const;
const roles = ['analyst', 'compliance'];
const columnName = /^[a-z][a-z0-9_]*$/;

/**
 * Reads the definition in a folder of `reports/` and checks it, so that a mistake in it is found by whoever wrote it
 * and not by whoever runs it.
 *
 * @throws Error that names the folder and what is wrong with it.
 * @example
 * const definition = await readDefinition('reports', 'login-state');
 */
export async function readDefinition(folder: string, name: string): Promise<ReportDefinition> {
  const [sql, json] = await Promise.all(
    ['report.sql', 'definition.json'].map((file) => readFile(path.join(folder, name, file), 'utf8')),
  );
  const described = JSON.parse(json!) as Omit<ReportDefinition, 'sql' | 'statement' | 'sha256'>;
  const statement = numbered(sql!);
  const faults = faultsOf(described, statement, name);
  if (faults.length > 0) throw new Error(`reports/${name} is not a report: ${faults.join('; ')}`);
  const sha256 = createHash('sha256').update(sql!).update(json!).digest('hex');
  return Object.freeze({ ...described, sql: sql!, statement, sha256 });
}

function faultsOf(
  described: Omit<ReportDefinition, 'sql' | 'statement' | 'sha256'>,
  statement: NumberedStatement,
  name: string,
): string[] {
  const faults: string[] = [];
  const declared = described.parameters.map((parameter) => parameter.name);
  if (described.name !== name) faults.push(`its name is ${described.name}`);
  for (const parameter of statement.names.filter((used) => !declared.includes(used)))
    faults.push(`report.sql uses :${parameter}, which definition.json does not have`);
  for (const parameter of declared.filter((known) => !statement.names.includes(known)))
    faults.push(`report.sql does not use :${parameter}`);
  for (const required of ['realm', 'applications', 'asKnownAt'].filter((known) => !declared.includes(known)))
    faults.push(`it has no parameter ${required}, by which keys are kept to what they may see`);
  for (const { name: parameter, type } of described.parameters)
    if (!parameterTypes.includes(type)) faults.push(`:${parameter} is of no known type`);
  for (const { name: column, type } of described.columns)
    if (!columnTypes.includes(type) || !columnName.test(column)) faults.push(`column ${column} is of no known type`);
  if (!described.roles.every((role) => roles.includes(role))) faults.push('it is for roles that ask no questions');
  return faults;
}
