import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { SessionLedgerError } from '../errors.js';

const run = promisify(execFile);

/** The operating-system user that PostgreSQL runs as in place of root, which it refuses to run as. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/**
 * Who a new cluster is to belong to: undefined when this process is not root, that is its own user; else `postgres`,
 * made where the machine has none; else `nobody`, where no user can be made (a read-only /etc).
 */
export async function serverUserForNewCluster(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const user = (await lookUp('postgres')) ?? (await makePostgresUser()) ?? (await lookUp('nobody'));
  if (user !== undefined) return user;
  throw new SessionLedgerError(
    'ERR_EMBEDDED_POSTGRES',
    'PostgreSQL refuses to run as root, and this machine has neither a user postgres, nor a way to make one, nor a ' +
      'user nobody; run as an ordinary user, or set DATABASE_URL',
  );
}

/** Who an existing cluster belongs to, whoever started it first; undefined when this process is not root. */
export async function serverUserOfCluster(cluster: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(cluster);
  return { uid, gid };
}

async function lookUp(name: string): Promise<ServerUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number.parseInt(uid.stdout, 10), gid: Number.parseInt(gid.stdout, 10) };
  } catch {
    return undefined; // id exits 1 when there is no such user
  }
}

async function makePostgresUser(): Promise<ServerUser | undefined> {
  try {
    const home = ['--no-create-home', '--home-dir', '/nonexistent', '--shell', '/usr/sbin/nologin'];
    await run('useradd', ['--system', '--user-group', ...home, 'postgres']);
  } catch {
    return undefined; // no useradd here, or /etc cannot be written: nobody has to do
  }
  return lookUp('postgres');
}
