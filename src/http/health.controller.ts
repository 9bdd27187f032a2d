import { Controller, Get, Inject, Logger } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { HealthCheckService, HealthIndicatorService, type HealthCheckResult } from '@nestjs/terminus';
import type { DataSource } from 'typeorm';
import { readReadiness, type Readiness } from '../operator/readiness.js';
import { Draining } from './draining.js';
import { HealthAnswer } from './health-answer.dto.js';
import { NotReady } from './not-ready.js';
import { PatientReading } from './patient-reading.js';
import { OpenToAll, Refuses } from './route-access.js';
import { operatorDatabase } from './service-databases.js';

/** What an orchestrator asks: shall this process be restarted, and may it be sent requests? */
@ApiTags('health')
@OpenToAll()
@Controller('health')
export class HealthController {
  private readonly logger = new Logger('Health');
  private readonly readiness: PatientReading<Readiness | undefined>;
  private whyNotLately: string | undefined;

  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly draining: Draining,
    @Inject(operatorDatabase) database: DataSource,
  ) {
    this.readiness = new PatientReading(() => readReadiness(database));
  }

  /** The process answers. It asks no database, since a restart mends none. */
  @Get('live')
  @ApiOkResponse({ type: HealthAnswer })
  async live(): Promise<HealthCheckResult> {
    return this.health.check([]);
  }

  /** A use could be recorded right now. */
  @Get('ready')
  @Refuses('ERR_CLOCK_BEHIND')
  @ApiOkResponse({ type: HealthAnswer })
  async ready(): Promise<HealthCheckResult> {
    try {
      const { settledAt } = await this.readyLedger();
      this.tellChange(undefined);
      return await this.health.check([() => this.indicators.check('ledger').up({ settledAt })]);
    } catch (failure) {
      if (failure instanceof NotReady) this.tellChange(failure.message);
      throw failure;
    }
  }

  /** @throws NotReady that says why. */
  private async readyLedger(): Promise<Readiness> {
    if (this.draining.hasBegun) throw new NotReady('ERR_LEDGER_UNAVAILABLE', 'this instance is stopping');
    const readiness = await this.readiness.next().catch((failure: Error) => {
      throw new NotReady('ERR_LEDGER_UNAVAILABLE', failure.message, failure);
    });
    if (readiness === undefined)
      throw new NotReady('ERR_LEDGER_UNAVAILABLE', 'the ledger was not started; run "session-ledger migrate"');
    if (!readiness.isWritable)
      throw new NotReady('ERR_LEDGER_UNAVAILABLE', 'the database takes no writes: it is a standby, or set read-only');
    if (!readiness.clockHolds)
      throw new NotReady(
        'ERR_CLOCK_BEHIND',
        'the database clock stepped back; correct it, or record the gap with "session-ledger gap record"',
      );
    return readiness;
  }

  /** Probes come every few seconds: what matters in the log is when it began and when it ended. */
  private tellChange(whyNot: string | undefined): void {
    if (whyNot === this.whyNotLately) return;
    this.whyNotLately = whyNot;
    this.logger.warn(whyNot === undefined ? 'ready again' : `not ready: ${whyNot}`);
  }
}
