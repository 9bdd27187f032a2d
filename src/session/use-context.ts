import type { ClientSeen } from './client.js';

/** What is known about the request that uses a session. */
export interface UseContext {
  readonly client?: ClientSeen | undefined;
  /** A request the user did not make, such as polling: recorded, and does not put off the deadline. */
  readonly passive?: boolean | undefined;
  readonly recordedBy?: string | undefined;
}
