import { ApiProperty } from '@nestjs/swagger';
import type { ReportManifest } from '../report/manifest.js';
import type { ReportDefinition } from '../report/report-definition.js';
import type { InJson } from './in-json.js';
import { CoveredApplicationAnswer } from './login-state-answer.dto.js';

/** A report, in a list. */
export class ReportAnswer implements Pick<InJson<ReportDefinition>, 'name' | 'title' | 'question' | 'roles'> {
  /** @example 'login-state' */
  name!: string;
  /** @example 'Login state' */
  title!: string;
  /** @example 'Was each of these users logged in at each of these instants? Without users: who was?' */
  question!: string;
  /**
   * Roles of API keys that may run it.
   * @example ['analyst', 'compliance']
   */
  roles!: ('analyst' | 'compliance')[];
}

/** Every report there is; they are few, and always one page. */
export class ReportListAnswer {
  items!: ReportAnswer[];
  next!: string | null;
}

/** One parameter of a report. */
export class ReportParameterAnswer {
  /** @example 'at' */
  name!: string;
  /** @example 'instant[]' */
  type!: 'text' | 'text[]' | 'userId[]' | 'instant' | 'instant[]';
  /**
   * In words: what holds when it is left out; `refused` when it may not be.
   * @example 'asKnownAt'
   */
  whenOmitted!: string;
  /** @example 'The instants asked about.' */
  meaning!: string;
  /** @example '2026-03-04T02:14:00Z' */
  example!: string;
}

/** One column of a report. */
export class ReportColumnAnswer {
  /** @example 'user_id' */
  name!: string;
  /** @example 'text' */
  type!: 'text' | 'text[]' | 'uuid' | 'ip' | 'instant' | 'integer' | 'integer[]' | 'seconds';
  /** @example 'The user, as the application knows them.' */
  meaning!: string;
}

/** A report: its parameters, its columns, and its statement. */
export class ReportDefinitionAnswer extends ReportAnswer implements InJson<Omit<ReportDefinition, 'statement'>> {
  parameters!: ReportParameterAnswer[];
  columns!: ReportColumnAnswer[];
  /** @example 'SELECT u.user_id, ...' */
  sql!: string;
  /**
   * SHA-256 of the bytes of `report.sql` followed by those of `definition.json`, in hex.
   * @example '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
   */
  sha256!: string;
}

/** The report that was run. */
export class ReportRunOfAnswer {
  /** @example 'login-state' */
  name!: string;
  /** @example 'Login state' */
  title!: string;
  /** @example 'Was each of these users logged in at each of these instants? Without users: who was?' */
  question!: string;
  /** @example '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08' */
  definitionSha256!: string;
}

/** The question as the ledger recorded it. */
export class ReportRunAnswer {
  /** @example 77 */
  id!: number;
  /** @example 'api-key 8f0c1a52-6f5e-4b1d-9a57-0d2f8f5f9c11 (fraud-desk)' */
  askedBy!: string;
  /** @example '2026-04-02T09:00:00.000000Z' */
  askedAt!: string;
  /** @example 'AUDIT-7' */
  caseId!: string | null;
}

/** A stretch in which events may have been lost. */
export class ReportGapAnswer {
  /** @example 1702 */
  seq!: number;
  /** @example '2026-03-10T04:00:00.000000Z' */
  from!: string;
  /** @example '2026-03-10T04:12:31.220000Z' */
  to!: string;
}

/** What the ledger could know at all. */
export class ReportKnowledgeAnswer {
  applications!: CoveredApplicationAnswer[];
  gaps!: ReportGapAnswer[];
}

/** A file of the run, by which it is recognised. */
export class ReportFileAnswer {
  /** @example 'login-state-77.csv' */
  name!: string;
  /** @example 'text/csv; charset=utf-8; header=present' */
  mediaType!: string;
  /** @example 1234 */
  bytes!: number;
  /** @example '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08' */
  sha256!: string;
}

/** The release that ran it. */
export class ProductAnswer {
  /** @example 'session-ledger' */
  name!: string;
  /** @example '0.1.0' */
  version!: string;
}

/** What goes with a report's file: how it came about, and how to check that it is whole and unchanged. */
export class ReportManifestAnswer implements InJson<ReportManifest> {
  /** @example 'session-ledger/report-manifest/1' */
  manifest!: 'session-ledger/report-manifest/1';
  report!: ReportRunOfAnswer;
  run!: ReportRunAnswer;
  /**
   * All of them, with what was filled in: the same ones give the same bytes.
   * @example { "at": ["2026-03-04T02:14:00.000000Z"], "userIds": ["alice"], "realm": "default", "applications": null, "asKnownAt": "2026-04-01T00:00:00.000000Z" }
   */
  parameters!: Record<string, string | string[] | null>;
  /** @example '2026-04-01T00:00:00.000000Z' */
  asKnownAt!: string;
  knowledge!: ReportKnowledgeAnswer;
  /** @example 1 */
  rowCount!: number;
  files!: ReportFileAnswer[];
  /** How the file is to be read, where that does not go without saying. */
  notes!: Record<string, string> | null;
  /** Null: reports are not compared with the seals. */
  @ApiProperty({ type: String, nullable: true, example: null })
  checkpoint!: null;
  /** @example 'Seal1767225600006' */
  schemaVersion!: string;
  product!: ProductAnswer;
}
