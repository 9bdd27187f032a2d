import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const ids = new WeakMap<IncomingMessage, string>();
// Long enough for a UUID or a trace id (W3C), too short for a token (64) or an API key (40 and more): either would stand in
// the log, sent in the wrong header.
const acceptable = /^[A-Za-z0-9._-]{1,36}$/;

/** The id that ties an answer to its line in the log: the caller's `X-Request-Id` where that is harmless, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const known = ids.get(request);
  if (known !== undefined) return known;
  const given = request.headers['x-request-id'];
  const id = typeof given === 'string' && acceptable.test(given) ? given : randomUUID();
  ids.set(request, id);
  return id;
}
