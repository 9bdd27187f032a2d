import { canonicalJson } from '../ledger/canonical-json.js';
import type { Instant } from '../ledger/instant.js';
import type { CoveredApplication, Gap } from '../query/coverage.js';
import type { FileFacts } from './report-file.js';
import type { ParameterValue } from './report-parameters.js';

/** What goes with a report's file: how it came about, and how to check that it is whole and unchanged. */
export interface ReportManifest {
  readonly manifest: 'session-ledger/report-manifest/1';
  readonly report: {
    readonly name: string;
    readonly title: string;
    readonly question: string;
    /** SHA-256 of the bytes of `report.sql` followed by those of `definition.json`, in hex. */
    readonly definitionSha256: string;
  };
  /** The question as the ledger recorded it. */
  readonly run: {
    readonly id: number;
    readonly askedBy: string;
    /** By the database's clock. */
    readonly askedAt: Instant;
    readonly caseId: string | null;
  };
  /** All of them, with what was filled in. The same ones give the same bytes, until erasure or retention act. */
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  readonly asKnownAt: Instant;
  /** What the ledger could know at all: nothing before `recordingSince`, and nothing for sure within a gap. */
  readonly knowledge: {
    readonly applications: readonly CoveredApplication[];
    readonly gaps: readonly Pick<Gap, 'seq' | 'from' | 'to'>[];
  };
  readonly rowCount: number;
  readonly files: readonly (FileFacts & { readonly name: string; readonly mediaType: string })[];
  readonly notes: Readonly<Record<string, string>> | null;
  /** The checkpoint that seals the events behind the report; null: not sealed. */
  readonly checkpoint: null;
  /** The newest migration of the database. */
  readonly schemaVersion: string;
  readonly product: { readonly name: string; readonly version: string };
}

/** A manifest as a file: members in one order, so that the same manifest is the same bytes; indented for people. */
export function manifestText(manifest: ReportManifest): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(JSON.parse(JSON.stringify(manifest)))), null, 2)}\n`;
}
