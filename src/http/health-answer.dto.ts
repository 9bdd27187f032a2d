/** What terminus answers when all is well; else the answer is a problem. */
export class HealthAnswer {
  /** @example 'ok' */
  status!: string;
  /** @example { "ledger": { "status": "up", "settledAt": "2026-03-04T02:13:59.731204Z" } } */
  info!: Record<string, unknown>;
  /** @example {} */
  error!: Record<string, unknown>;
  /** @example { "ledger": { "status": "up", "settledAt": "2026-03-04T02:13:59.731204Z" } } */
  details!: Record<string, unknown>;
}
