import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { destination } from 'pino';
import { readEnvironment, type Variables } from '../environment.js';
import { SessionLedgerError } from '../errors.js';
import { serviceLog } from '../http/service-log.js';
import { startService } from '../main/service.js';
import { stopOnSignals } from '../main/stop-signals.js';
import { readAdminKey } from '../postgres/data-directory.js';
import { findRunningEmbeddedPostgres } from '../postgres/embedded-server.js';
import { json, type Surroundings } from './command.js';
import { openBank, type DemoBank } from './demo-bank.js';
import { spendAfternoon } from './demo-afternoon.js';
import { databaseNow, untilExpired, untilSealed } from './demo-clock.js';
import { forgetSession } from './demo-kiosk.js';
import { DemoQuestions } from './demo-questions.js';
import { DemoService } from './demo-service.js';
import { DemoTranscript } from './demo-transcript.js';

/** What a demonstration is told. */
export interface DemoOptions {
  readonly stay?: boolean;
  readonly json?: boolean;
}

/** A ledger and a bank in a directory that goes with them, an afternoon of customers, then the questions. */
export async function demonstrate({ variables, print, remark }: Surroundings, options: DemoOptions): Promise<void> {
  const { stay = false, json: asJson = false } = options;
  const demonstration = new Demonstration();
  stopOnSignals(
    () => demonstration.stop(),
    (failure) => remark(String(failure)),
  );
  try {
    remark('Starting PostgreSQL, the service and the bank of examples/bank ...');
    const transcript = new DemoTranscript(asJson ? async () => undefined : print);
    await show(await demonstration.start(variables), transcript);
    if (asJson) await print(json({ items: transcript.steps, next: null }));
    if (stay) {
      remark('\nBoth stay until Ctrl-C. Paste the lines after "$" into bash, in any empty folder.');
      await demonstration.interrupted();
    }
  } catch (failure) {
    // What was cut off by Ctrl-C has not failed; the signal ends the process.
    if (!demonstration.isStopping) throw failure;
    await demonstration.interrupted();
  } finally {
    await demonstration.stop();
  }
  remark('\nAll of it is stopped and removed. "npx session-ledger serve" begins a ledger that stays.');
}

async function show({ dataDir, bank, service }: Started, transcript: DemoTranscript): Promise<void> {
  await transcript.command(`export SESSION_LEDGER_DATA_DIR=${dataDir}`);
  const began = await databaseNow(service);
  const moments = await spendAfternoon(bank.address, service, transcript);
  const forgotten = await forgetSession(service, transcript);
  await untilExpired(service, forgotten);
  const ended = await databaseNow(service);
  await untilSealed(service, ended);
  const questions = new DemoQuestions(dataDir, service, transcript);
  await questions.askAll({ ...moments, began, ended, forgotten });
}

interface Started {
  readonly dataDir: string;
  readonly bank: DemoBank;
  readonly service: DemoService;
}

/** What a demonstration starts, and takes away again however it ends. */
class Demonstration {
  private readonly undo: (() => Promise<void>)[] = [];
  private starting: Promise<unknown> | undefined;
  private stopped: Promise<void> | undefined;

  get isStopping(): boolean {
    return this.stopped !== undefined;
  }

  /** Never resolves: a signal stops the demonstration and ends the process. */
  interrupted(): Promise<never> {
    return new Promise(() => {});
  }

  async start(variables: Variables): Promise<Started> {
    const started = this.startAll(variables);
    this.starting = started;
    return started;
  }

  stop(): Promise<void> {
    return (this.stopped ??= this.undoAll());
  }

  private async startAll(variables: Variables): Promise<Started> {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'session-ledger-demo-'));
    this.undo.unshift(() => rm(dataDir, { recursive: true, force: true }));
    // Of the surroundings nothing but the way to programs: settings of a real ledger have no say in a demonstration.
    const { PATH } = variables;
    const environment = readEnvironment({ PATH, PORT: '0', SESSION_LEDGER_DATA_DIR: dataDir });
    const logger = serviceLog('warn', destination({ fd: 2, sync: true }));
    const service = await startService(environment, logger, () => undefined);
    this.undo.unshift(() => service.stop());
    const postgres = await findRunningEmbeddedPostgres(dataDir);
    const key = await readAdminKey(dataDir);
    if (postgres === undefined || key === undefined) {
      throw new SessionLedgerError(
        'ERR_INTERNAL',
        'the ledger of the demonstration started without its database or key',
      );
    }
    const bank = await openBank(postgres, { PATH });
    this.undo.unshift(() => bank.stop());
    return { dataDir, bank, service: new DemoService(service.address, key) };
  }

  private async undoAll(): Promise<void> {
    // What is being started now would otherwise be left behind.
    await this.starting?.catch(() => undefined);
    for (const step of this.undo) await step();
  }
}
