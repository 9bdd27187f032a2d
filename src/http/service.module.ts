import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD, APP_PIPE } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import type { DataSource } from 'typeorm';
import { ApiKeyAuthentication } from '../operator/authenticate-api-key.js';
import { IdempotentOpenings } from '../operator/idempotent-opening.js';
import { Reports } from '../report/reports.js';
import { Sessions } from '../session/sessions.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { BatchController } from './batch.controller.js';
import { Draining } from './draining.js';
import { HealthController } from './health.controller.js';
import { HistoryController } from './history.controller.js';
import { InputPipe } from './input.pipe.js';
import { LedgerController } from './ledger.controller.js';
import { MetricsController } from './metrics.controller.js';
import { LoginStateController } from './login-state.controller.js';
import { ReportsController } from './reports.controller.js';
import { openingDatabase, operatorDatabase, reportDatabase } from './service-databases.js';
import { ServiceMetrics } from './service-metrics.js';
import { ServiceSettings } from './service-settings.js';
import { SessionScopes } from './session-scopes.js';
import { SessionsController } from './sessions.controller.js';
import { UserSessionsController } from './user-sessions.controller.js';

/** What the door hands in: the ledger's module, which brings `Sessions` and `LoginHistory`, and what lies around it. */
export interface ServiceParts {
  ledger: DynamicModule;
  /** Initialised, as the writer; the door that opened them closes them. */
  operatorDatabase: DataSource;
  openingDatabase: DataSource;
  /** The same, as the reader. */
  reportDatabase: DataSource;
  settings: ServiceSettings;
  metrics: ServiceMetrics;
  draining: Draining;
}

/** The HTTP API over the ledger. */
@Module({})
export class ServiceModule {
  static of(parts: ServiceParts): DynamicModule {
    return {
      module: ServiceModule,
      imports: [parts.ledger, TerminusModule.forRoot({ logger: false })],
      controllers: [
        SessionsController,
        UserSessionsController,
        LoginStateController,
        BatchController,
        HistoryController,
        ReportsController,
        HealthController,
        LedgerController,
        MetricsController,
      ],
      providers: [
        { provide: operatorDatabase, useValue: parts.operatorDatabase },
        { provide: openingDatabase, useValue: parts.openingDatabase },
        { provide: reportDatabase, useValue: parts.reportDatabase },
        { provide: ServiceSettings, useValue: parts.settings },
        { provide: ServiceMetrics, useValue: parts.metrics },
        { provide: Draining, useValue: parts.draining },
        {
          provide: IdempotentOpenings,
          inject: [openingDatabase, Sessions],
          useFactory: (database: DataSource, sessions: Sessions) => new IdempotentOpenings(database, sessions),
        },
        {
          provide: Reports,
          inject: [reportDatabase],
          useFactory: (database: DataSource) => new Reports(database),
        },
        {
          provide: ApiKeyAuthentication,
          inject: [operatorDatabase],
          useFactory: (database: DataSource) => new ApiKeyAuthentication(database),
        },
        SessionScopes,
        ApiKeyGuard,
        { provide: APP_GUARD, useExisting: ApiKeyGuard },
        { provide: APP_PIPE, useClass: InputPipe },
      ],
    };
  }
}
