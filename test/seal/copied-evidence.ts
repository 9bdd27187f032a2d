import type { EvidenceFile } from '../../src/seal/verify-evidence-file.js';

/** A value whose parts somebody can change. */
export type Mutable<Value> = Value extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : Value extends object
    ? { -readonly [Name in keyof Value]: Value[Name] extends string ? Value[Name] : Mutable<Value[Name]> }
    : Value;

/** An evidence file in the hands of somebody who wants it to say something else. */
export function copyOf(file: EvidenceFile): Mutable<EvidenceFile> {
  return structuredClone(file) as Mutable<EvidenceFile>;
}
