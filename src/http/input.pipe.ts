import { Injectable, ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import { InvalidInput } from './invalid-input.js';
import { refuseMisplacedSecrets } from './misplaced-secret.js';

/** Checks what came in against its DTO: a field that is not known there is an error, for it is a misspelt one. */
@Injectable()
export class InputPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
      stopAtFirstError: true,
      validationError: { target: false, value: false },
      exceptionFactory: (errors) => InvalidInput.from(errors),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' && (typeof value !== 'object' || value === null || Array.isArray(value)))
      throw new InvalidInput([{ field: 'body', detail: 'the body must be a JSON object' }]);
    // class-transformer drops this one in silence; it is as unknown as any other.
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'))
      throw new InvalidInput([{ field: '__proto__', detail: '__proto__ is not known here' }]);
    const input: unknown = await super.transform(value, metadata);
    if (metadata.type === 'body' || metadata.type === 'query') refuseMisplacedSecrets(input);
    return input;
  }
}
