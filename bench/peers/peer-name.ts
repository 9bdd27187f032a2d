/** The contenders on a guarded route, as the results call them. */
export const peerNames = [
  'no guard',
  'session-ledger',
  'JWT, string secret',
  'JWT, KeyObject',
  'express-session, connect-pg-simple',
  'express-session, connect-redis',
] as const;

export type PeerName = (typeof peerNames)[number];
