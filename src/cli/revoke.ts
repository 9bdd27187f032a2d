import { type Command } from 'commander';
import type { PolicyOption } from '../session/policy.js';
import { json, ledgerCommand, operatingSystemUser, type CommandOptions, type Surroundings } from './command.js';
import { withLedger } from './with-ledger.js';

interface RevokeOptions extends CommandOptions {
  reason: string;
  note?: string;
  actor?: string;
  actorRealm?: string;
}

/** `revoke <sessionId> --reason <code>`: ends a session, at once and on every instance. */
export function revokeCommand({ variables, print }: Surroundings): Command {
  return ledgerCommand('revoke <sessionId>', 'end a session, at once and on every instance')
    .requiredOption('--reason <code>', 'such as admin, risk, account_disabled')
    .option('--note <text>', 'free text, erasable')
    .option('--actor <user>', 'who ends it')
    .option('--actor-realm <realm>', 'whose user id the actor is')
    .action(async (sessionId: string, { reason, note, actor, actorRealm, ...options }: RevokeOptions) => {
      const [{ resolvePolicy }, { Sessions }] = await Promise.all([
        import('../session/policy.js'),
        import('../session/sessions.js'),
      ]);
      const revoked = await withLedger(options, variables, 'writer', async (database, environment) => {
        const { realm, application, instance } = environment;
        const policy = resolvePolicy(environment.policy.option as PolicyOption, environment.policy.variable);
        const sessions = new Sessions(database, { realm, application, instance, policy });
        const input = { reason, note, recordedBy: operatingSystemUser() };
        return sessions.revoke(
          sessionId,
          actor === undefined ? input : { ...input, actor: { userId: actor, realm: actorRealm } },
        );
      });
      if (options.json) return print(json({ sessionId, ...revoked }));
      await print(revoked.revoked === 1 ? `Revoked ${sessionId}\n` : `${sessionId} had ended before\n`);
    });
}
