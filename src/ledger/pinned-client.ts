import type { Client } from 'pg';
import { clientAnswered, keptAlive } from './answered-client.js';
import { pinConnection, type ConnectionPins } from './connection-pins.js';
import { databaseAddress } from './database-address.js';

/**
 * The server's own probes, as many and as often as ours (`keptAlive`). By default it keeps the connection of a machine that is gone for two
 * hours, and with it what is locked for the session: nobody else could seal, or raise the horizon.
 */
const serverProbes = { tcp_keepalives_idle: '10', tcp_keepalives_interval: '1', tcp_keepalives_count: '10' };
const connectTimeoutMs = 5_000;
const goodbyeMs = 1_000;

/**
 * One connection of its own, outside every pool, pinned and checked like theirs.
 *
 * @throws what pg throws when the database cannot be reached, or ERR_CONFIGURATION when a pin does not hold.
 * @example
 * const client = await connectPinned({ url, pins, applicationName: 'session-ledger horizon' });
 */
export async function connectPinned(options: {
  url: string;
  pins: ConnectionPins;
  applicationName: string;
}): Promise<Client> {
  const address = databaseAddress(options.url);
  const PinnedClient = clientAnswered(options.pins.statementTimeoutMs);
  const client = new PinnedClient({
    connectionString: address.url,
    ...(address.options === '' ? {} : { options: address.options }),
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    ...keptAlive,
  });
  // A connection lost while idle fails the next query, which is where its user hears of it; unheard, it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    // A statement of a process that is gone would run on, holding its locks, until it next writes to the socket.
    await pinConnection(client, options.pins, { client_connection_check_interval: '1000', ...serverProbes });
  } catch (failure) {
    await disconnect(client);
    throw failure;
  }
  return client;
}

/**
 * Ends a connection. A server that does not return the goodbye is left without one, because whoever stops must not wait
 * until TCP has given up.
 */
export async function disconnect(client: Client): Promise<void> {
  const impatience = setTimeout(() => client.connection.stream.destroy(), goodbyeMs);
  await client.end();
  clearTimeout(impatience);
}
