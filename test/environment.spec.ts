import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readEnvironment } from '../src/environment.js';
import { SessionLedgerError } from '../src/errors.js';

/** What the settings are refused with; one line for each mistake. */
function mistakesOf(variables: Record<string, string>): string {
  try {
    readEnvironment(variables);
  } catch (failure) {
    if (failure instanceof SessionLedgerError && failure.code === 'ERR_CONFIGURATION') return failure.message;
    throw failure;
  }
  throw new Error('the settings were taken');
}

describe('the settings of the service', () => {
  it('all have a default', () => {
    expect(readEnvironment({})).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      databaseUrl: undefined,
      dataDir: '.session-ledger',
      policy: { option: 'owasp-asvs-l2', variable: 'SESSION_LEDGER_POLICY' },
      realm: 'default',
      application: 'default',
      adminKey: undefined,
      trustedProxies: [],
      afterRestore: 'revoke',
      maxUploadBytes: 2 ** 30,
      logLevel: 'info',
    });
  });

  it('that are empty count as unset', () => {
    expect(readEnvironment({ PORT: '', DATABASE_URL: ' ' })).toMatchObject({ port: 3000, databaseUrl: undefined });
  });

  it('are refused together, each mistake with its variable’s name', () => {
    const message = mistakesOf({
      PORT: '80x',
      HOST: '0.0.0.0',
      DATABASE_URL: 'mysql://u:secret-password@h/d',
      SESSION_LEDGER_LOG_LEVEL: 'loud',
      SESSION_LEDGER_AFTER_RESTORE: 'maybe',
      SESSION_LEDGER_ADMIN_KEY: 'short',
      SESSION_LEDGER_TRUSTED_PROXIES: '10.0.0.0/8, nonsense, 10.0.0.0/33',
      SESSION_LEDGER_MAX_UPLOAD_BYTES: '1e9',
    });
    for (const variable of ['PORT', 'HOST', 'DATABASE_URL', 'SESSION_LEDGER_LOG_LEVEL', 'SESSION_LEDGER_AFTER_RESTORE'])
      expect(message).toContain(`- ${variable} `);
    expect(message).toContain('- SESSION_LEDGER_ADMIN_KEY must hold 40 to 256 characters');
    expect(message).toContain('- SESSION_LEDGER_FORWARDED_HEADER must name the header');
    expect(message).toContain('nonsense');
    expect(message).toContain('10.0.0.0/33');
    expect(message).not.toMatch(/secret-password|short\b/);
  });

  it.each(['127.0.0.1', '127.0.0.2', '::1', 'localhost'])('let the service listen on %s without TLS', (host) => {
    expect(readEnvironment({ HOST: host }).host).toBe(host);
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', 'ledger.example', '127.example'])('want TLS in front of %s', (host) => {
    expect(mistakesOf({ HOST: host })).toContain('SESSION_LEDGER_TLS_IN_FRONT=true');
    expect(readEnvironment({ HOST: host, SESSION_LEDGER_TLS_IN_FRONT: 'true' }).host).toBe(host);
  });

  it.each(['-1', '65536', '3000.5', '0x10', '1e3', 'http'])('refuse %s as a port', (port) => {
    expect(mistakesOf({ PORT: port })).toContain('PORT');
  });

  it('take the admin key from a file, as containers hand it over', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-settings-'));
    try {
      const file = path.join(folder, 'key');
      writeFileSync(file, `${'k'.repeat(40)}\n`);
      expect(readEnvironment({ SESSION_LEDGER_ADMIN_KEY_FILE: file }).adminKey).toBe('k'.repeat(40));
      expect(mistakesOf({ SESSION_LEDGER_ADMIN_KEY_FILE: `${file}.missing` })).toContain('ENOENT');
      expect(mistakesOf({ SESSION_LEDGER_ADMIN_KEY_FILE: file, SESSION_LEDGER_ADMIN_KEY: 'k'.repeat(40) })).toContain(
        'keep one',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('take a policy by its name, or as JSON with limits of one’s own, also from a file', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'session-ledger-settings-'));
    const json = '{"preset":"pci-dss-4","maxConcurrent":2}';
    const file = path.join(folder, 'policy.json');
    writeFileSync(file, `\n${json}\n`);
    const policyOf = (variables: Record<string, string>) => readEnvironment(variables).policy;
    const option = { preset: 'pci-dss-4', maxConcurrent: 2 };
    expect(policyOf({ SESSION_LEDGER_POLICY: 'pci-dss-4' }).option).toBe('pci-dss-4');
    expect(policyOf({ SESSION_LEDGER_POLICY: json })).toEqual({ option, variable: 'SESSION_LEDGER_POLICY' });
    expect(policyOf({ SESSION_LEDGER_POLICY_FILE: file })).toEqual({ option, variable: 'SESSION_LEDGER_POLICY_FILE' });
    expect(mistakesOf({ SESSION_LEDGER_POLICY: '{"preset":' })).toMatch(/SESSION_LEDGER_POLICY must hold .* or JSON/);
    expect(mistakesOf({ SESSION_LEDGER_POLICY: json, SESSION_LEDGER_POLICY_FILE: file })).toContain('keep one');
    rmSync(folder, { recursive: true });
  });

  it('name the database an owner’s login belongs to', () => {
    expect(mistakesOf({ SESSION_LEDGER_MIGRATION_URL: 'postgres://o@h/d' })).toContain('needs DATABASE_URL');
  });
});
