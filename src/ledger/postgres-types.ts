import { types, type CustomTypesConfig } from 'pg';
import { instantFromPostgres } from './instant.js';

type TextParser = (text: string) => unknown;

/** pg exports its array reader as an object with `create`; its type declarations show an older, callable shape. */
const arrayReader = types.arrayParser as unknown as {
  create(source: string, readElement: TextParser): { parse(): unknown };
};

// By type oid, which PostgreSQL never changes for built-in types (src/include/catalog/pg_type.dat).
const scalars = new Map<number, TextParser>([
  [16, (text) => text === 't'], // bool
  [17, readBytes], // bytea
  [20, readSafeInteger], // int8
  [21, Number], // int2
  [23, Number], // int4
  [26, Number], // oid
  [114, (text) => JSON.parse(text)], // json
  [700, Number], // float4
  [701, Number], // float8
  [1184, instantFromPostgres], // timestamptz
  [3802, (text) => JSON.parse(text)], // jsonb
]);

const asText: TextParser = (text) => text;

const arrays = new Map<number, TextParser>([
  [1000, arrayOf(16)],
  [1001, arrayOf(17)],
  [1005, arrayOf(21)],
  [1007, arrayOf(23)],
  [1009, arrayOf(25)], // text[]
  [1016, arrayOf(20)],
  [1041, arrayOf(869)], // inet[]
  [1185, arrayOf(1184)],
  [2951, arrayOf(2950)], // uuid[]
  [3807, arrayOf(3802)],
]);

/**
 * How rows of the ledger become values: timestamptz an Instant, int8 a number (refused beyond 2^53), jsonb parsed,
 * bytea a Buffer, numeric and everything else its text.
 *
 * pg's own parsers are global to the process: an application that sets one (int8 to bigint, timestamptz to a string of
 * its own) would change what the ledger reads, and ours would change what the application reads.
 */
export const ledgerTypes: CustomTypesConfig = {
  getTypeParser: ((oid: number) => scalars.get(oid) ?? arrays.get(oid) ?? asText) as CustomTypesConfig['getTypeParser'],
};

function arrayOf(elementOid: number): TextParser {
  const readElement = scalars.get(elementOid) ?? asText;
  return (text) => arrayReader.create(text, readElement).parse();
}

function readSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`a bigint of ${text.length} digits does not fit a number`);
  return value;
}

function readBytes(text: string): Buffer {
  if (!text.startsWith('\\x')) throw new RangeError('bytea_output of the connection is not hex');
  return Buffer.from(text.slice(2), 'hex');
}
