/** What of sealing somebody should hear of: the work that was not done, and where. */
export type SealWork = 'seal' | 'publish' | 'directory' | 'bucket' | 'timestamp' | 'witness' | 'audit';

/** Hears what goes wrong with the seals, for metrics and alarms. Implementations must not throw. */
export interface SealObserver {
  /** Something was not done, and is tried again. */
  sealWorkFailed(work: SealWork, code: string): void;
  /** The auditor met rows, tiles or checkpoints that contradict each other. */
  auditFoundFaults(count: number): void;
  /** Events below sealed ones were found that never were sealed, nor ever will be. */
  lateRowsFound(count: number): void;
}
