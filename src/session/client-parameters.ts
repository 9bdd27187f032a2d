import { commit } from '../ledger/commitment.js';
import type { SeenClient } from './client.js';

/** The four fields of the SQL type `session_ledger.client_seen`: ip, user agent, salt, commitment. */
export type ClientParameters = [
  ip: string | null,
  userAgent: string | null,
  salt: Buffer | null,
  commitment: Buffer | null,
];

/** A client as the database's functions take it, with the commitment that the event keeps if the client is new to its session. */
export function clientParameters(client: SeenClient | undefined): ClientParameters {
  if (client === undefined) return [null, null, null, null];
  const { ip, userAgent } = client;
  const { salt, commitment } = commit({ ip, userAgent });
  return [ip, userAgent, salt, commitment];
}
