import { existsSync, readFileSync } from 'node:fs';
import { DCLinter } from 'dclint';
import { validate, ValidationSeverity } from 'dockerfile-utils';
import { parse } from 'yaml';
import { readEnvironment } from '../../src/environment.js';

interface ComposeService {
  secrets: string[];
  configs?: { source: string }[];
  depends_on?: Record<string, { condition: string }>;
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  command?: string[];
}

interface Compose {
  services: Record<'postgres' | 'migrate' | 'service', ComposeService>;
  volumes: Record<string, null>;
  secrets: Record<string, { file: string }>;
  configs: Record<string, { content: string }>;
}

const dockerfile = readFileSync('Dockerfile', 'utf8');
const compose = parse(readFileSync('compose.yaml', 'utf8')) as Compose;

describe('the container files', () => {
  it('are a Dockerfile in which the linter finds nothing', () => {
    const severity = ValidationSeverity.WARNING;
    const found = validate(dockerfile, {
      deprecatedMaintainer: severity,
      directiveCasing: severity,
      emptyContinuationLine: severity,
      instructionCasing: severity,
      instructionCmdMultiple: severity,
      instructionEntrypointMultiple: severity,
      instructionHealthcheckMultiple: severity,
      instructionJSONInSingleQuotes: severity,
      instructionWorkdirRelative: severity,
    });
    expect(found.map(({ message, range }) => [range.start.line + 1, message])).toEqual([]);
  });

  it('are a compose file that follows the schema of the Compose Specification, and in which the linter finds nothing', () => {
    // The order of services and keys is that of this file's reader: the database first, then who needs it.
    const rules = { 'service-keys-order': 0, 'services-alphabetical-order': 0 } as const;
    const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] });
    // Its declarations do not resolve under nodenext, which leaves any.
    const linted: { messages: { line: number; rule: string; message: string }[] }[] = linter.lintFiles(
      ['compose.yaml'],
      false,
    );
    expect(linted).toHaveLength(1);
    expect(linted[0]?.messages.map(({ line, rule, message }) => [line, rule, message])).toEqual([]);
  });

  it('build from files that are there and that .dockerignore lets in', () => {
    const allowed = readFileSync('.dockerignore', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources = '']) =>
      sources.split(' '),
    );
    expect(copied.length).toBeGreaterThan(5);
    for (const source of copied) {
      expect(existsSync(source)).toBe(true);
      expect(allowed).toContain(`!${source}`);
    }
  });

  it('run as an unprivileged user, with a health check, and with settings that are valid', () => {
    const last = dockerfile.slice(dockerfile.lastIndexOf('FROM'));
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/^HEALTHCHECK /m);
    const settings = [...last.matchAll(/\b((?:HOST|SESSION_LEDGER_\w+))=(\S+)/g)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(readEnvironment(Object.fromEntries(settings))).toMatchObject({
      host: '0.0.0.0',
      dataDir: '/var/lib/session-ledger',
    });
  });

  it('keep the migrating login away from the service, and the port on this machine', () => {
    const { postgres, migrate, service } = compose.services;
    expect(migrate.secrets).toContain('migrator');
    expect(service.secrets).not.toContain('migrator');
    expect(migrate.depends_on).toEqual({ postgres: { condition: 'service_healthy' } });
    expect(service.depends_on).toEqual({ migrate: { condition: 'service_completed_successfully' } });
    expect(service.ports).toEqual(['127.0.0.1:3000:3000']);
    expect(postgres.ports).toBeUndefined();
  });

  it('refer to nothing that is not declared', () => {
    for (const { secrets, configs = [], volumes = [], command = [], environment = {} } of Object.values(
      compose.services,
    )) {
      for (const secret of secrets) expect(compose.secrets).toHaveProperty(secret);
      for (const { source } of configs) expect(compose.configs).toHaveProperty(source);
      for (const volume of volumes) expect(compose.volumes).toHaveProperty(volume.split(':')[0] ?? '');
      const read = [...command, ...Object.values(environment)].join(' ').matchAll(/\/run\/secrets\/([\w-]+)/g);
      for (const [, name] of read) expect(secrets).toContain(name);
    }
    const [, read = ''] = /cat \/run\/secrets\/(\w+)/.exec(compose.configs['logins']?.content ?? '') ?? [];
    expect(compose.services.postgres.secrets).toContain(read);
  });
});
