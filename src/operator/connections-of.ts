import type { DataSource } from 'typeorm';
import { poolUse, type PoolUse } from '../ledger/pool-use.js';

/** How busy a pool of the service's own is, for metrics. */
export function connectionsOf(database: DataSource): PoolUse {
  return poolUse(database);
}
