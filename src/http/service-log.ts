import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Level, type Logger } from 'pino';

/**
 * The service's log: JSON lines. Errors are logged by name, code, message and stack alone: a failure of the database
 * also carries the values of the row it concerns, which are to be erasable.
 */
export function serviceLog(level: Level | 'silent', destination: DestinationStream): Logger {
  return pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: plainError },
    },
    destination,
  );
}

/** Nest's own words, in the same log. Its greetings at start go to `debug`. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...context: unknown[]): void {
    this.logger.debug({ context: lastOf(context) }, textOf(message));
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.logger.warn({ context: lastOf(context) }, textOf(message));
  }

  error(message: unknown, ...context: unknown[]): void {
    const err = message instanceof Error ? message : undefined;
    this.logger.error({ context: lastOf(context), err }, textOf(message));
  }

  fatal(message: unknown, ...context: unknown[]): void {
    const err = message instanceof Error ? message : undefined;
    this.logger.fatal({ context: lastOf(context), err }, textOf(message));
  }
}

interface PlainError {
  name: string;
  code?: unknown;
  message: string;
  stack?: string | undefined;
  cause?: PlainError | undefined;
}

function plainError(failure: unknown): PlainError | undefined {
  if (failure === undefined) return undefined;
  if (!(failure instanceof Error)) return { name: typeof failure, message: 'something that is no error was thrown' };
  const { name, message, stack, cause } = failure;
  const code = 'code' in failure ? failure.code : undefined;
  return { name, code, message, stack, cause: cause === undefined ? undefined : plainError(cause) };
}

function textOf(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : JSON.stringify(message);
}

function lastOf(context: unknown[]): string | undefined {
  const last = context.at(-1);
  return typeof last === 'string' && !last.includes('\n') ? last : undefined;
}
