import pg, { type Client, type ClientConfig } from 'pg';

/*
 * A server whose machine or network is gone resets nothing. What was sent to it and never acknowledged is sent again by
 * TCP for a quarter of an hour; while it owes an answer that it did acknowledge, not even that happens. So each statement
 * has a limit, and probes (one a second after ten quiet ones, ten in all) find what has none.
 */
export const keptAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/** The server ends a statement by itself at its limit, and says so; this much later it has gone. */
const afterServersLimitMs = 5_000;

/**
 * The pg client of connections on which a statement is answered, or fails as unavailable, within five seconds of the
 * server's own limit on it; without such a limit, and for streams of rows, whenever it is.
 *
 * A connection that left a statement unanswered is ended, and so is one on which the server said that it ends it: until
 * its end has arrived, the pool would lend it once more. pg's own `query_timeout` only stops waiting: the connection
 * would go back to its pool with the statement still under way, and whoever got it next would wait behind that.
 *
 * @param statementTimeoutMs 0 for no limit. A statement's own `query_timeout`, 0 included, goes before it.
 * @example
 * const pool = new pg.Pool({ connectionString: url, Client: clientAnswered(30_000) });
 */
export function clientAnswered(statementTimeoutMs: number): new (config?: string | ClientConfig) => Client {
  const limitMs = statementTimeoutMs === 0 ? 0 : statementTimeoutMs + afterServersLimitMs;
  return class AnsweredClient extends pg.Client {
    /** Typed as what fits each of pg's overloads; whoever queries sees those, because pools and callers know pg's class. */
    override query(...given: unknown[]): never {
      const ask = super.query.bind(this) as (...given: unknown[]) => unknown;
      if (!isAwaited(given)) return ask(...given) as never;
      const [statement, values] = given;
      const config = typeof statement === 'string' ? { text: statement } : statement;
      const answer = ask({ query_timeout: limitMs, ...config }, values) as Promise<unknown>;
      answer.catch((failure: unknown) => (isUnanswered(failure) || isFarewell(failure) ? this.end() : undefined));
      return answer as never;
    }
  };
}

/** A statement whose answer is a promise: no stream, and no callback. */
function isAwaited(given: unknown[]): given is [statement: string | object, values?: unknown] {
  const [statement] = given;
  const isStream = typeof statement === 'object' && statement !== null && 'submit' in statement;
  return !isStream && typeof given.at(-1) !== 'function';
}

/** pg says so by message alone. */
function isUnanswered(failure: unknown): boolean {
  return (failure as Error).message === 'Query read timeout';
}

/** A FATAL error is the last that a connection carries (PostgreSQL, "Severity"). */
function isFarewell(failure: unknown): boolean {
  return failure instanceof pg.DatabaseError && failure.severity === 'FATAL';
}
