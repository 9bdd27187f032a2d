import { Logger } from '@nestjs/common';
import { Sealer } from '../../src/seal/sealer.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { askBank, type AskedBank } from './asked-bank.js';

/** The days of the bank, sealed, with an owner who changes what is sealed, and an ear for the alarm. */
export interface SealedBank extends AskedBank {
  /** What the alarm said. */
  readonly alarms: string[];
  /** What privileges and triggers cannot prevent: whoever owns the tables switches the triggers off first. */
  asOwner(...statements: string[]): Promise<void>;
  /** The number of an event of a user, by its instant. */
  seqAt(at: string): Promise<number>;
  seal(): Promise<void>;
}

const ownedTables = ['event', 'seal_run', 'tile', 'tree_head', 'published_checkpoint'];

export async function sealBank(): Promise<SealedBank> {
  const bank = await askBank();
  const alarms: string[] = [];
  const heard = (message: unknown): void => void alarms.push(String(message));
  Logger.overrideLogger({ log: () => undefined, warn: () => undefined, error: heard });
  const signingKeys = [SigningKey.generate('bank.example/ledger').toPem()];
  const seal = async (): Promise<void> => {
    const options = { url: bank.url, role: 'sealer' as const, signingKeys, places: [] };
    const sealer = new Sealer({ ...options, onFailure: (failure) => alarms.push(failure.message) });
    await sealer.sealOnce();
    await sealer.stop();
  };
  // The bank's numbers are given by hand; the sealer asks the sequence how far they go.
  await bank.superuser.query(`SELECT setval('session_ledger.event_seq_seq', 2000)`);
  await seal();
  return {
    ...bank,
    alarms,
    seal,
    asOwner: async (...statements) => {
      const triggers = (state: string): string =>
        ownedTables.map((table) => `ALTER TABLE session_ledger.${table} ${state}`).join(';');
      await bank.superuser.query(`BEGIN; ${triggers('DISABLE TRIGGER ALL')}`);
      for (const statement of statements) await bank.superuser.query(statement);
      await bank.superuser.query(`${triggers('ENABLE TRIGGER ALL')}; COMMIT`);
    },
    seqAt: async (at) => {
      const [row] = await bank.rows<{ seq: number }>(
        'SELECT seq::integer FROM session_ledger.event WHERE occurred_at = $1',
        [at],
      );
      return row!.seq;
    },
    close: async () => {
      Logger.overrideLogger(true);
      await bank.close();
    },
  };
}
