import { readdir } from 'node:fs/promises';
import { SessionLedgerError } from '../errors.js';
import { readDefinition, type ReportDefinition } from './report-definition.js';
import { reportsFolder } from './reports-folder.js';

const reportName = /^[a-z][a-z0-9-]{0,63}$/;

/** Which reports there are. */
export class ReportDefinitions {
  /** @param folder holds a folder for each report */
  constructor(private readonly folder: string = reportsFolder()) {}

  /** Every report, by name. */
  async list(): Promise<ReportDefinition[]> {
    const entries = await readdir(this.folder, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory() && reportName.test(entry.name)).map(({ name }) => name);
    return Promise.all(names.sort().map((name) => readDefinition(this.folder, name)));
  }

  /** @throws SessionLedgerError `ERR_NOT_FOUND` that names those there are */
  async named(name: string): Promise<ReportDefinition> {
    const reports = await this.list();
    const found = reports.find((report) => report.name === name);
    if (found !== undefined) return found;
    const names = reports.map((report) => report.name).join(', ');
    throw new SessionLedgerError('ERR_NOT_FOUND', `there is no report of this name; there are ${names}`, {
      field: 'name',
    });
  }
}
