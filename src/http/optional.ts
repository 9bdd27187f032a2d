import { ValidateIf } from 'class-validator';

/** The field may be left out. Unlike class-validator's IsOptional, null is checked like any other value. */
export const Optional = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);
