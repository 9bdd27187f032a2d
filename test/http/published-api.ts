import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js';
import type { Received } from './client.js';

interface MediaType {
  schema?: AnySchemaObject;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface Described {
  summary?: string;
  description?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  'x-roles'?: string[];
  parameters?: { name: string; in: string; description?: string; example?: unknown; schema?: { example?: unknown } }[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, { description: string; content?: Record<string, MediaType> }>;
}

/** A body that a route takes or gives: where the document describes it, and the examples beside it. */
interface Body {
  place: string;
  media: string;
  examples: unknown[];
}

/** One method of one path. */
export interface PublishedOperation {
  readonly method: string;
  readonly path: string;
  readonly described: Described;
  readonly bodies: readonly Body[];
  /** Where an answer is described, by its status and media type. */
  answerPlace(answer: Received): { place: string; isDescribed: boolean };
}

/** An OpenAPI document, read as its users read it: JSON Schema 2020-12 behind JSON Pointers. */
export class PublishedApi {
  readonly operations: readonly PublishedOperation[];
  private readonly ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });

  constructor(document: Record<string, unknown>) {
    this.ajv.addSchema({ ...withoutOtherMembers(document), $id: 'api' });
    const paths = document['paths'] as Record<string, Record<string, Described>>;
    this.operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, described]) => operationOf(method, path, described)),
    );
  }

  operation(method: string, path: string): PublishedOperation {
    const found = this.operations.find((operation) => operation.method === method && operation.path === path);
    if (found === undefined) throw new Error(`${method} ${path} is not described`);
    return found;
  }

  /** What about a body contradicts its schema. Members that the schema does not have are a fault. */
  faultsOf(body: unknown, place: string): string[] {
    const validate = this.ajv.compile({ $ref: `api#${place}/schema` });
    validate(body);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }
}

function operationOf(method: string, path: string, described: Described): PublishedOperation {
  const base = `/paths/${escaped(path)}/${method}`;
  const bodiesAt = (place: string, content: Record<string, MediaType> = {}): Body[] =>
    Object.entries(content).map(([media, { example, examples }]) => ({
      place: `${place}/content/${escaped(media)}`,
      media,
      examples: [
        ...(example === undefined ? [] : [example]),
        ...Object.values(examples ?? {}).map(({ value }) => value),
      ],
    }));
  const stated = Object.entries(described.responses).filter(([status]) => status !== 'default');
  return {
    method: method.toUpperCase(),
    path,
    described,
    bodies: [
      ...bodiesAt(`${base}/requestBody`, described.requestBody?.content),
      ...stated.flatMap(([status, { content }]) => bodiesAt(`${base}/responses/${status}`, content)),
    ],
    answerPlace: ({ status, headers }) => {
      const media = (headers.get('content-type') ?? '').split(';')[0] ?? '';
      const isDescribed = described.responses[String(status)]?.content?.[media] !== undefined;
      return { place: `${base}/responses/${status}/content/${escaped(media)}`, isDescribed };
    },
  };
}

/** A token of a JSON Pointer (RFC 6901 3), in a URI fragment. */
function escaped(token: string): string {
  return encodeURIComponent(token.replaceAll('~', '~0').replaceAll('/', '~1')).replaceAll('%7E', '~');
}

/** The same document, with every object of a known shape closed: a member that nobody described is found. */
function withoutOtherMembers(value: unknown): object {
  if (Array.isArray(value)) return value.map((item) => (isObject(item) ? withoutOtherMembers(item) : item));
  const copy = Object.entries(value as object).map(([name, member]) => [
    name,
    name !== 'example' && name !== 'examples' && isObject(member) ? withoutOtherMembers(member) : member,
  ]);
  const schema = Object.fromEntries(copy) as Record<string, unknown>;
  const isShape = schema['type'] === 'object' && isObject(schema['properties']) && !('additionalProperties' in schema);
  return isShape ? { ...schema, additionalProperties: false } : schema;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
