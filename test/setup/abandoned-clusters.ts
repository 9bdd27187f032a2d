import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { commandLine } from '../../src/postgres/process-start.js';

/** Folders of test clusters are named so in the temporary folder. */
export const clusterPrefix = 'session-ledger-test-';

const ownerFile = 'run.pid';

/** Leaves word in a cluster's folder which process it belongs to. */
export function markOwner(root: string): void {
  writeFileSync(path.join(root, ownerFile), String(process.pid));
}

/** A run ended by SIGKILL leaves its PostgreSQL running; the next run stops and removes what has no owner any more. */
export async function reapAbandonedClusters(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const root = path.join(tmpdir(), name);
    if (name.startsWith(clusterPrefix) && isAbandoned(root)) await reap(root);
  }
}

function isAbandoned(root: string): boolean {
  const file = path.join(root, ownerFile);
  if (!existsSync(file)) return false; // a run that has just made its folder and not yet signed it
  try {
    process.kill(Number.parseInt(readFileSync(file, 'utf8'), 10), 0);
    return false;
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code === 'ESRCH'; // EPERM: alive, and somebody else's
  }
}

async function reap(root: string): Promise<void> {
  const disk = path.join(root, 'disk');
  for (const data of [path.join(root, 'data'), path.join(disk, 'data')]) {
    const postmaster = postmasterOf(data);
    // The pid may be somebody else's process by now, so its command line has to name the cluster's folder.
    if (postmaster !== undefined && (await commandLine(postmaster)).includes(data)) process.kill(postmaster, 'SIGQUIT');
  }
  // A test that fills a disk mounts one, and nothing can be removed from under a mount.
  if (existsSync(disk) && statSync(disk).dev !== statSync(root).dev) execFileSync('umount', ['--lazy', disk]);
  rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

function postmasterOf(data: string): number | undefined {
  const file = path.join(data, 'postmaster.pid');
  if (!existsSync(file)) return undefined;
  return Number.parseInt(readFileSync(file, 'utf8'), 10);
}
