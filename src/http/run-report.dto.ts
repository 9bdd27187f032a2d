import { IsIn, IsObject } from 'class-validator';
import type { ReportFormat } from '../report/reports.js';
import { Optional } from './optional.js';
import { AskingDto } from './question.dto.js';

/** One run of a report. */
export class RunReportDto extends AskingDto {
  /**
   * Values by the names of the report's definition; a list is an array.
   * @example { "at": ["2026-03-04T02:14:00Z"], "userIds": ["alice"] }
   */
  @Optional()
  @IsObject()
  parameters?: Record<string, unknown>;

  /**
   * `csv` when left out.
   * @example 'csv'
   */
  @Optional()
  @IsIn(['csv', 'ndjson'])
  format?: ReportFormat;
}
