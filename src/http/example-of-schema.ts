import type { OpenAPIObject } from '@nestjs/swagger';

/** A JSON Schema (2020-12, as OpenAPI 3.1 has it), as far as it is read here. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  example?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
}

/**
 * An example of a schema, put together from those of its properties. What a request may leave out and has no example of
 * its own is left out; what an answer may have as null and has no example is null.
 */
export function exampleOf(schema: Schema, document: OpenAPIObject): unknown {
  if (schema.example !== undefined) return schema.example;
  if (schema.$ref !== undefined) return exampleOf(named(schema.$ref, document), document);
  const alternatives = schema.allOf ?? schema.anyOf ?? schema.oneOf;
  if (alternatives?.[0] !== undefined) return exampleOf(alternatives[0], document);
  if (schema.properties !== undefined) return exampleOfObject(schema.properties, schema.required ?? [], document);
  if (schema.items !== undefined) return [exampleOf(schema.items, document)];
  return isNullable(schema) ? null : undefined;
}

/** The schema behind `#/components/schemas/...`. */
export function named(reference: string, document: OpenAPIObject): Schema {
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  return document.components?.schemas?.[name] ?? {};
}

function exampleOfObject(properties: Record<string, Schema>, required: string[], document: OpenAPIObject): unknown {
  const examples = Object.entries(properties)
    .filter(([name, schema]) => required.includes(name) || schema.example !== undefined)
    .map(([name, schema]) => [name, exampleOf(schema, document)] as const);
  return Object.fromEntries(examples.filter(([, example]) => example !== undefined));
}

function isNullable({ type, enum: values }: Schema): boolean {
  return type === 'null' || (Array.isArray(type) && type.includes('null')) || values?.includes(null) === true;
}
