import { Command, Option } from 'commander';
import { apiKeyRoles, type ApiKeyRole } from '../operator/api-key.js';
import { json, ledgerCommand, operatingSystemUser, type CommandOptions, type Surroundings } from './command.js';
import { withLedger } from './with-ledger.js';

/** `api-key create|list|revoke`: the keys of the service. */
export function apiKeyCommand(surroundings: Surroundings): Command {
  return new Command('api-key')
    .description('make, list and revoke API keys of the service')
    .exitOverride()
    .addCommand(create(surroundings))
    .addCommand(list(surroundings))
    .addCommand(revoke(surroundings));
}

interface CreateOptions extends CommandOptions {
  role: ApiKeyRole[];
  name?: string;
  realm?: string;
  application?: string[];
}

function create({ variables, print, remark }: Surroundings): Command {
  return ledgerCommand('create', 'make a key; its text is printed this once')
    .addOption(new Option('--role <role...>', 'what the key may do').choices(apiKeyRoles).makeOptionMandatory())
    .option('--name <name>', 'whose key it is; else the roles')
    .option('--realm <realm>', 'bind it to a realm')
    .option('--application <application...>', 'bind it to applications')
    .action(async (options: CreateOptions) => {
      const { createApiKey } = await import('../operator/create-api-key.js');
      const roles = [...new Set(options.role)];
      const { name = roles.join(' and '), realm, application: applications } = options;
      const made = await withLedger(options, variables, 'writer', (database) =>
        createApiKey(database, { name, roles, realm, applications, createdBy: operatingSystemUser() }),
      );
      if (options.json)
        return print(json({ ...made, name, roles, realm: realm ?? null, applications: applications ?? null }));
      remark(`API key ${made.apiKeyId} (${name}), shown this once:`);
      await print(`${made.key}\n`);
    });
}

function list({ variables, print }: Surroundings): Command {
  return ledgerCommand('list', 'every key ever made, newest first').action(async (options: CommandOptions) => {
    const [{ listApiKeys }, { inZone, ownZone }, { table }] = await Promise.all([
      import('../operator/list-api-keys.js'),
      import('./local-time.js'),
      import('./table.js'),
    ]);
    const keys = await withLedger(options, variables, 'writer', listApiKeys);
    if (options.json) return print(json({ items: keys, next: null }));
    const zone = ownZone();
    const rows = keys.map(({ apiKeyId, name, roles, realm, applications, createdAt, lastUsedAt, revokedAt }) => [
      apiKeyId,
      name,
      roles.join(','),
      realm ?? 'any',
      applications?.join(',') ?? 'any',
      inZone(createdAt, zone),
      inZone(lastUsedAt, zone),
      inZone(revokedAt, zone),
    ]);
    await print(
      `Times in ${zone}\n${table(['id', 'name', 'roles', 'realm', 'applications', 'created', 'last used', 'revoked'], rows)}`,
    );
  });
}

function revoke({ variables, print }: Surroundings): Command {
  return ledgerCommand('revoke <apiKeyId>', 'revoke a key, at once and on every instance').action(
    async (apiKeyId: string, options: CommandOptions) => {
      const { revokeApiKey } = await import('../operator/revoke-api-key.js');
      const revoked = await withLedger(options, variables, 'writer', (database) =>
        revokeApiKey(database, apiKeyId, operatingSystemUser()),
      );
      if (options.json) return print(json({ apiKeyId, revoked }));
      await print(revoked ? `Revoked ${apiKeyId}\n` : `${apiKeyId} was revoked before\n`);
    },
  );
}
