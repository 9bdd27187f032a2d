import type { ValidationError } from 'class-validator';
import { SessionLedgerError, shownName } from '../errors.js';

/** One input that is wrong, in dotted form (`client.ip`), and why. */
export interface FieldProblem {
  readonly field: string;
  readonly detail: string;
}

/** Input that its DTO does not allow: every wrong field at once. */
export class InvalidInput extends SessionLedgerError {
  constructor(readonly errors: readonly FieldProblem[]) {
    const [first] = errors;
    super('ERR_INVALID_INPUT', first?.detail ?? 'the request is not valid', { field: first?.field });
  }

  /** From what class-validator found, whose values are not repeated: one of them may be a secret in the wrong place. */
  static from(errors: readonly ValidationError[]): InvalidInput {
    return new InvalidInput(errors.flatMap((error) => fieldProblems(error, '')));
  }
}

function fieldProblems(error: ValidationError, parent: string): FieldProblem[] {
  const name = shownName(error.property);
  const field = parent === '' ? name : `${parent}.${name}`;
  const own = Object.entries(error.constraints ?? {}).map(([rule, message]) => ({
    field,
    detail: rule === 'whitelistValidation' ? `${field} is not known here` : message.replace(error.property, field),
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => fieldProblems(child, field))];
}
