import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD, HttpAdapterHost } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { rememberFastifyReplies } from './guard/fastify-replies.js';
import { guardOptionsToken } from './guard/guard-options.js';
import { SessionGuard } from './guard/session.guard.js';
import { Sessions } from './guard/sessions.js';
import { SubjectOfSession } from './guard/subject-of-session.js';
import { LoginHistory } from './query/login-history.js';
import { Sessions as SessionsOfLedger } from './session/sessions.js';
import { BackgroundWork } from './session-ledger.background.js';
import { closeConnections, connectLedger, type LedgerConnections } from './session-ledger.connections.js';
import {
  resolveOptions,
  type DatabaseSettings,
  type ResolvedOptions,
  type SessionLedgerExtras,
  type SessionLedgerOptions,
} from './session-ledger.options.js';

const applicationDataSourceToken = Symbol('ApplicationDataSource');
const resolvedOptionsToken = Symbol('ResolvedOptions');
const connectionsToken = Symbol('LedgerConnections');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<SessionLedgerOptions>({
    moduleName: 'SessionLedger',
  })
    .setClassMethodName('forRoot')
    .setExtras<SessionLedgerExtras>({ guard: 'per-route' }, (definition, { guard }) => ({
      ...definition,
      // The guard is made by whichever module uses it, and must find its sessions there.
      global: true,
      providers: [
        ...(definition.providers ?? []),
        ...(guard === 'global' ? [{ provide: APP_GUARD, useExisting: SessionGuard }] : []),
      ],
    }))
    .build();

/**
 * Login sessions on an append-only ledger, for a NestJS application: once, in its root module. The module is global:
 * `Sessions`, `LoginHistory` and `SessionGuard` can be injected anywhere.
 *
 * At start it checks its options (`ERR_CONFIGURATION` lists every mistake) and the database, and puts the application
 * and its policy on the ledger; at shutdown it finishes the uses under way.
 *
 * @example
 * \@Module({
 *   imports: [SessionLedgerModule.forRoot({ database: { url }, policy: 'pci-dss-4', cookie: { name: '__Host-session' } })],
 * })
 * class AppModule {}
 * @example
 * SessionLedgerModule.forRootAsync({
 *   inject: [ConfigService],
 *   useFactory: (config: ConfigService) => ({ database: { url: config.getOrThrow('DATABASE_URL') } }),
 * })
 */
@Module({
  providers: ledgerProviders(),
  exports: [Sessions, SessionsOfLedger, LoginHistory, SessionGuard, SubjectOfSession, guardOptionsToken],
})
export class SessionLedgerModule
  extends ConfigurableModuleClass
  implements NestModule, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  constructor(
    @Inject(resolvedOptionsToken) private readonly options: ResolvedOptions,
    @Inject(connectionsToken) private readonly connections: LedgerConnections,
    private readonly sessions: SessionsOfLedger,
    private readonly background: BackgroundWork,
    private readonly adapterHost: HttpAdapterHost,
  ) {
    super();
  }

  /** The module with options that are known now; `forRootAsync` takes a factory for them. */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    const { providers = [], ...module } = super.forRoot(options);
    return { ...module, providers: [...providers, ...namedDataSource(options.database)] };
  }

  configure(): void {
    rememberFastifyReplies(this.adapterHost);
  }

  onApplicationBootstrap(): void {
    if (this.options.background) this.background.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.background.stop();
  }

  /** After the server has closed: requests under way still needed their sessions. */
  async onApplicationShutdown(): Promise<void> {
    await this.sessions.close();
    await closeConnections(this.connections);
  }
}

function ledgerProviders(): Provider[] {
  return [
    {
      provide: resolvedOptionsToken,
      inject: [MODULE_OPTIONS_TOKEN, { token: applicationDataSourceToken, optional: true }],
      useFactory: resolveOptions,
    },
    { provide: guardOptionsToken, inject: [resolvedOptionsToken], useFactory: ({ guard }: ResolvedOptions) => guard },
    { provide: connectionsToken, inject: [resolvedOptionsToken], useFactory: connectLedger },
    { provide: SessionsOfLedger, inject: [resolvedOptionsToken, connectionsToken], useFactory: sessionsOnRecord },
    {
      provide: LoginHistory,
      inject: [resolvedOptionsToken, connectionsToken],
      useFactory: ({ sessions }: ResolvedOptions, { reader }: LedgerConnections) =>
        new LoginHistory(reader, { realm: sessions.realm }),
    },
    {
      provide: BackgroundWork,
      inject: [resolvedOptionsToken, connectionsToken],
      useFactory: (options: ResolvedOptions, connections: LedgerConnections) =>
        new BackgroundWork(options, connections),
    },
    Sessions,
    SessionGuard,
    SubjectOfSession,
  ];
}

/** The sessions of an application whose start is on the ledger: from now on the ledger can say no about it. */
async function sessionsOnRecord(
  { sessions }: ResolvedOptions,
  connections: LedgerConnections,
): Promise<SessionsOfLedger> {
  const { writer, uses, whenConnected } = connections;
  const started = new SessionsOfLedger(writer, sessions, uses);
  whenConnected(() => started.forgetDatabase());
  try {
    await started.start();
  } catch (failure) {
    // Nest calls no shutdown hook of an application that did not start, and whoever waits for the database starts many.
    await closeConnections(connections);
    throw failure;
  }
  return started;
}

/** A DataSource given by its name is injected, so that it is there before the options are read. */
function namedDataSource(database: DatabaseSettings): Provider[] {
  if (!('dataSource' in database) || typeof database.dataSource !== 'string') return [];
  const useFactory = (dataSource: DataSource): DataSource => dataSource;
  return [{ provide: applicationDataSourceToken, inject: [getDataSourceToken(database.dataSource)], useFactory }];
}
