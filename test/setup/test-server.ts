/** Environment variables through which the run's set-up tells every worker where its databases and programs come from. */
export const testServerVariable = 'SESSION_LEDGER_TEST_SERVER_URL';
export const testTemplateVariable = 'SESSION_LEDGER_TEST_TEMPLATE';
export const testPackageVariable = 'SESSION_LEDGER_TEST_PACKAGE';

/** The same server and login, another database. */
export function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.toString();
}
