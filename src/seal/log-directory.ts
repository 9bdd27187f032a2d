import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { SessionLedgerError } from '../errors.js';
import { sizeSaid, type LogFile, type LogPlace } from './log-place.js';

/** Files written and synced at a time: a disk has more than one request in its queue. */
const atOnce = 8;

/** A directory that a log is published in. What was signed last stands in `signed`; drafts stand below `drafts/` until they are whole. */
export class LogDirectory implements LogPlace {
  readonly kind = 'directory';
  readonly pauseMs = 0;

  constructor(readonly path: string) {}

  get name(): string {
    return `the directory ${this.path}`;
  }

  /** Removes what a sealer that was killed left half written. */
  async prepare(): Promise<void> {
    try {
      const made = await mkdir(this.path, { recursive: true });
      if (made !== undefined) await this.syncUpTo(this.path, dirname(made));
      await rm(join(this.path, 'drafts'), { recursive: true, force: true });
    } catch (cause) {
      throw this.unusable('write', cause);
    }
  }

  /** A copy of a published log has no `signed`: then its checkpoint is the newest that it knows of. */
  async signed(): Promise<string | undefined> {
    const found = [await this.read('signed'), await this.read('checkpoint')].flatMap((note) => note?.toString() ?? []);
    return found.sort((a, b) => sizeSaid(b) - sizeSaid(a))[0];
  }

  async keepSigned(note: string): Promise<void> {
    await this.write([{ path: 'signed', content: note, isFinal: false }]);
  }

  async read(path: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.path, path));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.unusable('read', cause);
    }
  }

  async write(files: readonly LogFile[]): Promise<void> {
    try {
      for (let first = 0; first < files.length; first += atOnce)
        await Promise.all(files.slice(first, first + atOnce).map((file) => this.writeFile(file)));
      // A rename is durable only once the directory that holds the name is.
      await this.syncDirectoriesOf(files);
    } catch (cause) {
      throw this.unusable('write', cause);
    }
  }

  async removePartials(fullTilePaths: readonly string[]): Promise<void> {
    for (const path of fullTilePaths) await rm(join(this.path, `${path}.p`), { recursive: true, force: true });
  }

  giveUp(): void {
    // A disk answers, or its failure does.
  }

  private async writeFile({ path, content }: LogFile): Promise<void> {
    const target = join(this.path, path);
    const draft = join(this.path, 'drafts', randomBytes(8).toString('hex'));
    await mkdir(dirname(draft), { recursive: true });
    await mkdir(dirname(target), { recursive: true });
    const handle = await open(draft, 'wx', 0o644);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, target);
  }

  private async syncDirectoriesOf(files: readonly LogFile[]): Promise<void> {
    const synced = new Set<string>();
    for (const { path } of files) await this.syncUpTo(dirname(join(this.path, path)), this.path, synced);
  }

  /** From a directory up to one above it: where one was made, its name stands in the next. */
  private async syncUpTo(from: string, top: string, synced = new Set<string>()): Promise<void> {
    for (let directory = resolve(from); !synced.has(directory); directory = dirname(directory)) {
      synced.add(directory);
      const handle = await open(directory, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
      if (directory === resolve(top)) return;
    }
  }

  private unusable(what: string, cause: unknown): SessionLedgerError {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown reason';
    return new SessionLedgerError('ERR_DATA_DIRECTORY', `cannot ${what} the published log in ${this.path} (${code})`, {
      cause,
    });
  }
}
