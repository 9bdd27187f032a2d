import type { Pool } from 'pg';
import type { DataSource } from 'typeorm';

/** How busy a pool is, for metrics. */
export interface PoolUse {
  /** Connections that are open. */
  readonly open: number;
  /** Open connections that nobody uses now. */
  readonly idle: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
}

/**
 * Reads the state of a data source's pool; asks no database.
 *
 * @example
 * poolUse(writer); // { open: 3, idle: 2, waiting: 0 }
 */
export function poolUse(dataSource: DataSource): PoolUse {
  const pool = (dataSource.driver as unknown as { master?: Pool }).master;
  return { open: pool?.totalCount ?? 0, idle: pool?.idleCount ?? 0, waiting: pool?.waitingCount ?? 0 };
}
