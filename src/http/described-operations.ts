import { getSchemaPath, type OpenAPIObject } from '@nestjs/swagger';
import type { SessionLedgerErrorCode } from '../errors.js';
import { exampleOf, type Schema } from './example-of-schema.js';
import { problemOfCode } from './problem-of-code.js';
import { describedExamplesKey, describedRefusalsKey, describedRolesKey } from './route-access.js';
import { ProblemAnswer } from './session-answer.dto.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']> & {
  [describedRolesKey]?: string[];
  [describedRefusalsKey]?: SessionLedgerErrorCode[];
  [describedExamplesKey]?: Record<string, string>;
};
type MediaTypes = Record<string, { schema?: Schema; example?: unknown; examples?: unknown }>;

const methods = ['get', 'post'] as const;

/**
 * Completes what the decorators say of each operation by what holds for all of them: the roles in words, the header for a
 * case, the problems that any route answers with and those of its own, and an example beside each body.
 */
export function describeOperations(document: OpenAPIObject): void {
  for (const path of Object.values(document.paths)) {
    for (const operation of methods.flatMap((method) => (path[method] === undefined ? [] : [path[method]]))) {
      describe(operation, document);
    }
  }
}

function describe(operation: Operation, document: OpenAPIObject): void {
  const roles = operation[describedRolesKey] ?? [];
  const [summary = '', ...more] = (operation.summary ?? '').replaceAll('\n', ' ').split(/(?<=[.?]) /);
  operation.summary = summary;
  operation.description = [
    ...more,
    ...(roles.length === 0 ? [] : [`Needs an API key with the role ${inWords(roles)}.`]),
  ]
    .join(' ')
    .trim();
  if (roles.some((role) => role === 'analyst')) operation.parameters = [...(operation.parameters ?? []), caseIdHeader];
  describeAnswers(operation, document);
  describeProblems(operation, roles, document);
  const { [describedExamplesKey]: given = {} } = operation;
  for (const content of bodiesOf(operation)) {
    for (const [media, example] of Object.entries(given)) content[media]!.example = example;
    addExamples(content, document);
  }
  delete operation[describedExamplesKey];
}

function describeAnswers({ responses }: Operation, document: OpenAPIObject): void {
  for (const [status, response] of Object.entries(responses)) {
    if (!status.startsWith('2') || response === undefined || '$ref' in response) continue;
    if (response.description === '') response.description = 'The answer';
    addExamples(response.content ?? {}, document);
  }
}

/** Of every code that a route may answer with, one example, below its status. */
function describeProblems(operation: Operation, roles: readonly string[], document: OpenAPIObject): void {
  const hasInput = operation.requestBody !== undefined || (operation.parameters ?? []).length > 0;
  const codes: SessionLedgerErrorCode[] = [
    ...(hasInput ? (['ERR_INVALID_INPUT'] as const) : []),
    ...(roles.length > 0 ? (['ERR_UNAUTHORIZED', 'ERR_FORBIDDEN', 'ERR_TOO_MANY_REQUESTS'] as const) : []),
    ...(operation[describedRefusalsKey] ?? []),
    'ERR_LEDGER_UNAVAILABLE',
  ];
  for (const code of codes) {
    const { status, title } = problemOfCode(code);
    const response = (operation.responses[String(status)] ??= { description: '', content: {} });
    if ('$ref' in response) continue;
    response.description = [response.description, title].filter((text) => text !== '').join('; or: ');
    const content = ((response.content ??= {})['application/problem+json'] ??= {
      schema: { $ref: getSchemaPath(ProblemAnswer) },
    });
    content.examples = { ...content.examples, [code]: { value: problemExample(code, document) } };
  }
  delete operation[describedRefusalsKey];
}

function problemExample(code: SessionLedgerErrorCode, document: OpenAPIObject): object {
  const { requestId } = exampleOf({ $ref: getSchemaPath(ProblemAnswer) }, document) as { requestId: string };
  const { status, title } = problemOfCode(code);
  return {
    type: `urn:session-ledger:error:${code}`,
    title,
    status,
    detail: 'in words, what to do about it',
    code,
    requestId,
  };
}

function bodiesOf({ requestBody }: Operation): MediaTypes[] {
  return requestBody === undefined || '$ref' in requestBody ? [] : [requestBody.content];
}

function addExamples(content: MediaTypes, document: OpenAPIObject): void {
  for (const media of Object.values(content)) {
    if (media.schema === undefined || media.example !== undefined || media.examples !== undefined) continue;
    const { oneOf } = media.schema;
    if (oneOf === undefined) media.example = exampleOf(media.schema, document);
    else
      media.examples = Object.fromEntries(
        oneOf.map((schema) => [(schema.$ref ?? '').split('/').at(-1), { value: exampleOf(schema, document) }]),
      );
  }
}

function inWords(roles: readonly string[]): string {
  return roles.map((role) => `\`${role}\``).join(' or ');
}

const caseIdHeader = {
  name: 'X-Case-Id',
  in: 'header' as const,
  required: false,
  description: 'Why this is asked, kept with the question; `caseId` in the query or the body goes before it',
  schema: { type: 'string' as const, maxLength: 255 },
  example: 'D-2026-17',
};
