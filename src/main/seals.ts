import { SealMetrics } from '../http/seal-metrics.js';
import type { ServiceMetrics } from '../http/service-metrics.js';
import { auditorOf } from './auditing.js';
import { sealingOf, type SealingSurroundings } from './sealing.js';

/**
 * Starts what a service does about seals: sealing, where the settings and keys let this instance seal, and auditing, wherever there is
 * something sealed.
 *
 * @returns stops both.
 */
export async function startSeals(
  around: Omit<SealingSurroundings, 'observer'>,
  metrics: ServiceMetrics,
): Promise<() => Promise<unknown>> {
  const observer = new SealMetrics(metrics);
  observer.follow(around.reader);
  const deaf = observer.followAnswers();
  const surroundings = { ...around, observer };
  const sealing = around.environment.seal.isOn ? await sealingOf(surroundings) : undefined;
  const auditor = await auditorOf(surroundings);
  if (auditor !== undefined) observer.followAudit(() => auditor.position);
  sealing?.start();
  auditor?.start();
  return async () => {
    deaf();
    await Promise.all([sealing?.stop(), auditor?.stop()]);
  };
}
