import type { RequestListener } from 'node:http';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DynamicModule } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import type { Environment } from '../environment.js';
import type { SessionLedgerError } from '../errors.js';
import { resolveGuardOptions } from '../guard/guard-options.js';
import { LoggedSignals } from '../guard/logged-signals.js';
import { requestClient } from '../guard/request-client.js';
import { answerBeforeStart } from '../http/before-start.js';
import { Draining } from '../http/draining.js';
import { createServiceApp } from '../http/service-app.js';
import { ServiceMetrics } from '../http/service-metrics.js';
import { ServiceSettings } from '../http/service-settings.js';
import { ledgerDataSource } from '../ledger/ledger-data-source.js';
import { toSessionLedgerError } from '../ledger/sqlstate.js';
import { openDataDirectory } from '../postgres/data-directory.js';
import { publishRuntimeRecord, withdrawRuntimeRecord } from '../postgres/runtime-record.js';
import { resolvePolicy, type PolicyOption } from '../session/policy.js';
import type { UseObserver } from '../session/use-observer.js';
import { SessionLedgerModule } from '../session-ledger.module.js';
import { provideAdminKey, type AdminKeyPlace } from './admin-key.js';
import { HttpListener } from './http-listener.js';
import { untilDatabaseAnswers } from './patient-start.js';
import { keepHorizonMark, recogniseOlderCopy } from './restore-watch.js';
import { startSeals } from './seals.js';
import { openServiceDatabase, type ServiceDatabase } from './service-database.js';

/** The service, listening. */
export interface RunningService {
  readonly address: string;
  readonly adminKey: AdminKeyPlace;
  /** Takes no more requests, finishes those under way, then stops everything the start started, in reverse. */
  stop(): Promise<void>;
}

/**
 * Starts the service: its data directory, its database, the HTTP API over it. While the database cannot be reached it
 * answers already, alive and not ready, and tries again.
 *
 * @param say told, in one sentence each, of what an operator should know.
 * @param stopping ends the waiting for the database.
 * @throws SessionLedgerError when a setting or the machine stands in the way; everything begun is stopped again.
 */
export async function startService(
  environment: Environment,
  logger: Logger,
  say: (line: string) => void,
  stopping: AbortSignal = new AbortController().signal,
): Promise<RunningService> {
  const { host, port, policy } = environment;
  // Before anything is started: the options' own check comes when the database already runs.
  resolvePolicy(policy.option as PolicyOption, policy.variable);
  const dataDir = await openDataDirectory(environment.dataDir);
  const listener = new HttpListener(answerBeforeStart);
  // What the database says of itself later on belongs in the log.
  const told = { hasStarted: false };
  const tell = (line: string): void => (told.hasStarted ? logger.warn(line) : say(line));
  let hasSaidSo = false;
  const waiting = async ({ code, message }: SessionLedgerError): Promise<void> => {
    await listener.listen(host, port);
    logger.warn({ code, message }, 'cannot start yet');
    if (!hasSaidSo) say(`Cannot start yet, trying again: ${message} (${code})`);
    hasSaidSo = true;
  };
  try {
    const beginnings = { environment, logger, say: tell, dataDir, listener };
    const attempt = (): Promise<RunningService> => undoneUnless((undoing) => startUpon(undoing, beginnings));
    const started = await untilDatabaseAnswers(attempt, waiting, stopping);
    told.hasStarted = true;
    return started;
  } catch (failure) {
    await listener.drain(0);
    throw failure;
  }
}

interface Beginnings {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly say: (line: string) => void;
  readonly dataDir: string;
  readonly listener: HttpListener;
}

async function startUpon(undoing: Undoing, beginnings: Beginnings): Promise<RunningService> {
  const { environment, logger, say, dataDir } = beginnings;
  const database = await openServiceDatabase(environment, dataDir, say);
  undoing.add(() => database.stop());
  const operatorDatabase = await openPool(undoing, environment, database, 'operator', 4);
  const openingDatabase = await openPool(undoing, environment, database, 'openings', 2);
  const reportDatabase = await openPool(undoing, environment, database, 'reports', 2, 'reader', true);
  const { clusterHome } = database;
  const markPlace = { directory: clusterHome ?? dataDir, isBesideCluster: clusterHome !== undefined };
  await recogniseOlderCopy(operatorDatabase, markPlace, environment, say);
  const mark = await keepHorizonMark(operatorDatabase, markPlace, logger);
  undoing.add(() => mark.stop());
  const adminKey = await provideAdminKey(operatorDatabase, environment, dataDir);
  const draining = new Draining();
  const settings = settingsOf(environment, dataDir);
  const metrics = new ServiceMetrics(new LoggedSignals());
  undoing.add(await startSeals({ environment, database, reader: operatorDatabase, dataDir, logger }, metrics));
  const ledger = ledgerModule(environment, database, metrics);
  const app = await createServiceApp(
    { ledger, operatorDatabase, openingDatabase, reportDatabase, settings, metrics, draining },
    logger,
  );
  undoing.add(() => app.close());
  const port = await serve(app, beginnings, draining, undoing);
  if (await publishRuntimeRecord(dataDir, { port, databaseUrl: database.url }))
    undoing.add(() => withdrawRuntimeRecord(dataDir));
  return { address: addressOf(environment.host, port), adminKey, stop: () => undoing.undo() };
}

async function openPool(
  undoing: Undoing,
  { rolePrefix, instance }: Environment,
  { url, roles }: ServiceDatabase,
  purpose: string,
  poolSize: number,
  role: 'writer' | 'reader' = 'writer',
  readsWholeTables = false,
): Promise<DataSource> {
  const applicationName = `session-ledger ${instance} ${purpose}`;
  const pool = ledgerDataSource({ url, role: roles[role], rolePrefix, poolSize, applicationName, readsWholeTables });
  try {
    await pool.initialize();
  } catch (failure) {
    throw toSessionLedgerError(failure);
  }
  undoing.add(() => pool.destroy());
  return pool;
}

function ledgerModule(environment: Environment, database: ServiceDatabase, observer: UseObserver): DynamicModule {
  const { rolePrefix, realm, application, instance, afterRestore } = environment;
  return SessionLedgerModule.forRoot({
    database: { url: database.url, rolePrefix },
    realm,
    application,
    policy: environment.policy.option as PolicyOption,
    instance,
    afterRestore,
    observer,
  });
}

function settingsOf(environment: Environment, dataDir: string): ServiceSettings {
  const { realm, application, instance, maxUploadBytes, maxReportBytes } = environment;
  const { proxies } = resolveGuardOptions(environment, realm, []);
  return new ServiceSettings({
    realm,
    application,
    instance,
    maxUploadBytes,
    maxReportBytes,
    uploadDirectory: path.join(dataDir, 'uploads'),
    forwardedHeaders: environment.forwardedHeader === undefined ? [] : [environment.forwardedHeader],
    addressOf: (request) => requestClient(request, proxies).ip ?? 'unknown',
  });
}

async function serve(
  app: NestExpressApplication,
  { environment: { host, port, drainPauseSeconds, drainSeconds }, listener }: Beginnings,
  draining: Draining,
  undoing: Undoing,
): Promise<number> {
  await app.init();
  const answer = app.getHttpAdapter().getInstance() as RequestListener;
  listener.answerWith(answer);
  const listening = await listener.listen(host, port);
  undoing.add(async () => {
    draining.begin();
    // Balancers go on sending until their next probe: they are answered meanwhile, not refused.
    await pause(drainPauseSeconds * 1000);
    await listener.drain(drainSeconds);
  });
  return listening;
}

function addressOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Begins something; what had been begun when it fails is undone. */
async function undoneUnless<Started>(begin: (undoing: Undoing) => Promise<Started>): Promise<Started> {
  const undoing = new Undoing();
  try {
    return await begin(undoing);
  } catch (failure) {
    await undoing.undo();
    throw failure;
  }
}

/** What was started, to be stopped in reverse, once, and all of it even if one part fails to stop. */
class Undoing {
  private readonly steps: (() => Promise<unknown>)[] = [];
  private undone: Promise<void> | undefined;

  add(step: () => Promise<unknown>): void {
    this.steps.unshift(step);
  }

  undo(): Promise<void> {
    return (this.undone ??= this.undoAll());
  }

  private async undoAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.steps) await step().catch((failure: unknown) => failures.push(failure));
    if (failures.length > 0) throw failures[0];
  }
}
