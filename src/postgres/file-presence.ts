import { access } from 'node:fs/promises';
import { fileFailure } from './file-failure.js';

/** Whether a path exists; a way to it that is closed to us is an error, not an absence. */
export async function isPresent(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw fileFailure('enter', path, cause);
  }
}
