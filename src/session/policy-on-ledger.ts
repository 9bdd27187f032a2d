import { LRUCache } from 'lru-cache';
import type { DataSource } from 'typeorm';
import { queryRows } from '../ledger/named-query.js';
import { inLedgerTerms } from './ledger-terms.js';
import type { Policy } from './policy.js';

const rememberedApplications = 1_000;

/**
 * Puts each application and the policy in force on the ledger before its first session is opened by this process:
 * since when an application is recorded decides between `not_logged_in` and `unknown`, and answers look back as far as
 * the longest lifetime that any policy on the ledger allows.
 *
 * Committed on a connection of its own: in an application's open transaction the event would hold back every other
 * process that starts.
 */
export class PolicyOnLedger {
  private readonly recorded = new LRUCache<string, Promise<void>>({ max: rememberedApplications });
  /** Applications with which this process has done so, on this database or the one before it. */
  private readonly everRecorded = new LRUCache<string, true>({ max: rememberedApplications });

  constructor(
    private readonly dataSource: DataSource,
    private readonly policy: Policy,
  ) {}

  /**
   * Resolves when the application and the policy are on the ledger. Asks the database once per application, and once
   * more after each new connection.
   */
  ensure(application: string, recordedBy: string): Promise<void> {
    const known = this.recorded.get(application);
    if (known !== undefined) return known;
    const recording = recordPolicy(this.dataSource, application, this.policy, recordedBy);
    this.recorded.set(application, recording);
    // A failure is its caller's to hear; the next opening tries again.
    recording.then(
      () => this.everRecorded.set(application, true),
      () => this.forget(application),
    );
    return recording;
  }

  /**
   * The same for an opening in a transaction of somebody else's, which may hold the lock that all connections here wait
   * for: it does not ask again after a new connection. Where that led to an older copy of the database, the opening
   * records the application itself, and a lifetime beyond the ledger's longest fails it and makes the next one ask.
   */
  async ensureForJoined(application: string, recordedBy: string): Promise<void> {
    if (!this.everRecorded.has(application)) await this.ensure(application, recordedBy);
  }

  /** Makes the next opening ask again: the database may have been restored to a time before. */
  forget(application: string): void {
    this.recorded.delete(application);
    this.everRecorded.delete(application);
  }

  forgetAll(): void {
    this.recorded.clear();
  }
}

const recordPolicySql = `
SELECT session_ledger.record_application($1, w.recorder_id), session_ledger.set_policy($1, $2, w.recorder_id)
  FROM (SELECT (SELECT recorder_id FROM session_ledger.recorder WHERE name = $3) AS recorder_id) w`;

/** Writes `application_recorded` and `policy_set`, each only if it says something new. */
async function recordPolicy(
  dataSource: DataSource,
  application: string,
  policy: Policy,
  recordedBy: string,
): Promise<void> {
  const values = [application, JSON.stringify(policy), recordedBy];
  const statement = { name: 'session_ledger_record_policy_v1', text: recordPolicySql, values };
  await inLedgerTerms(() => queryRows(dataSource, statement));
}
