import { Controller, Get, Header, Inject, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import type { DataSource } from 'typeorm';
import { connectionsOf } from '../operator/connections-of.js';
import { readReadiness } from '../operator/readiness.js';
import { LoginHistory } from '../query/login-history.js';
import { expiryLagSeconds } from '../session/expiry-lag.js';
import { Sessions } from '../session/sessions.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { OpenToAll, Refuses } from './route-access.js';
import { openingDatabase, operatorDatabase, reportDatabase } from './service-databases.js';
import { ServiceMetrics } from './service-metrics.js';
import { ServiceSettings } from './service-settings.js';

const metricsExample = '# TYPE session_ledger_uses_judged_total counter\nsession_ledger_uses_judged_total 3\n';
const loopback = /^(127\.|::1$|::ffff:127\.)/;
const writtenByProxies = ['forwarded', 'x-forwarded-for', 'x-real-ip'];

/** Prometheus metrics, for a scraper on this machine or with an API key. */
@ApiTags('health')
@OpenToAll()
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: ServiceMetrics,
    private readonly keys: ApiKeyGuard,
    private readonly settings: ServiceSettings,
    sessions: Sessions,
    history: LoginHistory,
    @Inject(operatorDatabase) database: DataSource,
    @Inject(openingDatabase) openings: DataSource,
    @Inject(reportDatabase) reports: DataSource,
  ) {
    metrics.gauge('uses_waiting', 'Uses that wait for a batch', () => sessions.queuedUses);
    const pools = {
      uses: () => sessions.connectionsForUses,
      changes: () => sessions.connectionsForChanges,
      questions: () => history.connections,
      operator: () => connectionsOf(database),
      openings: () => connectionsOf(openings),
      reports: () => connectionsOf(reports),
    };
    const each = (value: 'open' | 'idle' | 'waiting') =>
      Object.fromEntries(Object.entries(pools).map(([pool, read]) => [pool, () => read()[value]]));
    metrics.gauges('pool_open_connections', 'Open connections, by pool', 'pool', each('open'));
    metrics.gauges('pool_idle_connections', 'Open connections that nobody uses now, by pool', 'pool', each('idle'));
    metrics.gauges('pool_waiting', 'Callers that wait for a connection, by pool', 'pool', each('waiting'));
    metrics.gauge('expiry_lag_seconds', 'Age of the oldest session due to be expired', () =>
      expiryLagSeconds(database),
    );
    metrics.gauge('horizon_lag_seconds', 'How far the settled part of the ledger trails the clock', () =>
      horizonLag(database),
    );
  }

  /** All metrics of this instance, in the text format of Prometheus. */
  @Get()
  @ApiSecurity({})
  @ApiBearerAuth()
  @Refuses('ERR_UNAUTHORIZED', 'ERR_TOO_MANY_REQUESTS')
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' }, example: metricsExample } } })
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  async read(@Req() request: Request): Promise<string> {
    if (!this.isLocal(request)) await this.keys.authenticate(request);
    return this.metrics.registry.metrics();
  }

  /** A request that a proxy on this machine passes on comes from loopback too; what proxies write gives it away. */
  private isLocal({ socket, headers }: Request): boolean {
    const passedOn = [...writtenByProxies, ...this.settings.forwardedHeaders];
    return loopback.test(socket.remoteAddress ?? '') && passedOn.every((header) => headers[header] === undefined);
  }
}

async function horizonLag(database: DataSource): Promise<number> {
  const readiness = await readReadiness(database);
  if (readiness === undefined) throw new Error('the ledger was not started');
  return readiness.horizonLagSeconds;
}
