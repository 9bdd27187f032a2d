import type { AdminKeyPlace } from './admin-key.js';

/**
 * What a newcomer reads at the start: the address, where the admin key lies, and three lines for a shell that open a
 * session, use it, and ask.
 */
export function welcome(address: string, adminKey: AdminKeyPlace): string {
  const lines = [`Session Ledger listens on ${address}`, whereTheKeyLies(adminKey)];
  if (adminKey === undefined) return `${lines.join('\n')}\n`;
  return `${[...lines, 'Open a session, use it, and ask. Paste into bash:', '', ...pastedLines(address, adminKey), ''].join('\n')}\n`;
}

function whereTheKeyLies(adminKey: AdminKeyPlace): string {
  if (adminKey === undefined)
    return 'This database has an admin API key already; "session-ledger api-key create" makes further keys';
  return 'file' in adminKey
    ? `The admin API key lies in ${adminKey.file}`
    : `The admin API key is the one in ${adminKey.variable}`;
}

/** The key is read where it lies, so that it enters neither the shell's history nor the log of this start. */
function pastedLines(address: string, adminKey: NonNullable<AdminKeyPlace>): string[] {
  const key = 'file' in adminKey ? `$(cat ${quoted(adminKey.file)})` : `$${adminKey.variable}`;
  const authorization = `-H "Authorization: Bearer ${key}"`;
  const json = `-H 'Content-Type: application/json'`;
  return [
    `SESSION=$(curl -fsS ${address}/v1/sessions ${authorization} ${json} -d '{"userId":"alice"}'); echo "$SESSION"`,
    `curl -fsS ${address}/v1/sessions/use ${authorization} ${json} -d "{\\"token\\":\\"$(sed 's/.*"token":"\\([^"]*\\)".*/\\1/' <<<"$SESSION")\\"}"; echo`,
    `curl -fsS ${address}/v1/users/alice/login-state ${authorization}; echo`,
  ];
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
