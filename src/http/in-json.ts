/**
 * A type as JSON carries it: what the other rooms mark as an instant is a text. Classes that describe answers in OpenAPI
 * implement it, so that the compiler refuses one that lacks a member of the answer, or has it in another type.
 */
export type InJson<Value> = Value extends string
  ? Value extends { readonly __instant: true }
    ? string
    : Value
  : Value extends readonly (infer Item)[]
    ? readonly InJson<Item>[]
    : Value extends object
      ? { readonly [Member in keyof Value]: InJson<Value[Member]> }
      : Value;
