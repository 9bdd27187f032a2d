import { ledgerDataSource } from '../../src/ledger/ledger-data-source.js';
import { queryRows } from '../../src/ledger/named-query.js';
import { rebuildSessions } from '../../src/session/rebuild.js';
import type { ToldBearers } from './bearers.js';
import {
  contradictionsOnLedger,
  noContradictions,
  sessionsWith,
  unrecordedUses,
  type Contradictions,
} from './ledger-contradictions.js';

/** What the ledger holds beside what its callers were told. */
export interface RecordedFacts {
  /** Uses, openings and revocations that were confirmed and are not on the ledger. */
  readonly lostUses: number;
  readonly lostOpenings: number;
  readonly lostRevocations: number;
  /** Uses let through after the revocation of their session had returned. */
  readonly late: number;
  readonly contradictions: Contradictions;
  /** Sessions whose row is not what their events say. */
  readonly differences: number;
}

/** A bad day that did no harm. */
export const nothingLost: RecordedFacts = {
  lostUses: 0,
  lostOpenings: 0,
  lostRevocations: 0,
  late: 0,
  contradictions: noContradictions,
  differences: 0,
};

/** Compares what bearers were told with the ledger, read afterwards by a superuser. */
export async function factsAfter(url: string, told: ToldBearers): Promise<RecordedFacts & { used: number }> {
  const looking = await ledgerDataSource({ url, role: 'none', poolSize: 1, applicationName: 'looking' }).initialize();
  try {
    const [counted] = await queryRows<{ used: number }>(looking, {
      name: 'test_used',
      text: `SELECT count(*) AS used FROM session_ledger.event WHERE kind = 'used'`,
      values: [],
    });
    return {
      used: counted!.used,
      lostUses: await unrecordedUses(looking, told.accepted),
      lostOpenings: told.opened.length - (await sessionsWith(looking, 'created', told.opened)),
      lostRevocations: told.revoked.length - (await sessionsWith(looking, 'revoked', told.revoked)),
      late: told.late,
      contradictions: await contradictionsOnLedger(looking),
      differences: (await rebuildSessions(looking, { check: true })).differences,
    };
  } finally {
    await looking.destroy();
  }
}
