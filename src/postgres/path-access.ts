import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { text } from 'node:stream/consumers';
import { SessionLedgerError } from '../errors.js';
import type { ServerUser } from './server-user.js';

/**
 * Opens a directory of ours to the server's user as far as it can be, and answers the first directory on the way that
 * stays closed to it; undefined when it may enter. Without a server user (not root) there is nothing to open.
 */
export async function letServerUserEnter(directory: string, user: ServerUser | undefined): Promise<string | undefined> {
  if (user === undefined) return undefined;
  const closed = await firstDirectoryClosedTo(user, directory);
  if (closed !== directory) return closed;
  const { uid, mode } = await stat(directory);
  // Mode 0700: its group has no rights to lose, so it can be the server's, which may pass through (0710) but not list.
  if ((mode & 0o077) !== 0) return closed;
  await chown(directory, uid, user.gid);
  await chmod(directory, 0o710);
  return firstDirectoryClosedTo(user, directory);
}

// `test -x` asks the kernel in the user's own name: mode bits alone know nothing of ACLs and of user namespaces.
const firstClosedScript = 'for directory; do test -x "$directory" || { printf %s "$directory"; exit; }; done';

async function firstDirectoryClosedTo(user: ServerUser, directory: string): Promise<string | undefined> {
  try {
    const shell = spawn('/bin/sh', ['-c', firstClosedScript, 'sh', ...withParents(directory)], {
      ...user,
      cwd: '/',
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [closed] = await Promise.all([text(shell.stdout), once(shell, 'close')]);
    return closed === '' ? undefined : closed;
  } catch (cause) {
    throw new SessionLedgerError(
      'ERR_EMBEDDED_POSTGRES',
      `PostgreSQL refuses to run as root, and this process may not run anything as user id ${user.uid}; run it as an ` +
        'ordinary user, or set DATABASE_URL',
      { cause },
    );
  }
}

function withParents(directory: string): string[] {
  const parent = dirname(directory);
  return parent === directory ? [directory] : [...withParents(parent), directory];
}
