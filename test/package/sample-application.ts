import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { runTypescript } from '../setup/run-typescript.js';
import { linkPackages } from './installed-package.js';

const run = promisify(execFile);

/** What an application of this test needs beside what the package itself depends on or asks for. */
const ownDependencies = ['@nestjs/platform-fastify', '@types/node'];

/** Makes an application in a folder below the one in which the package is installed. */
export async function makeApplication(folder: string, type: 'module' | 'commonjs'): Promise<string> {
  await mkdir(folder);
  await linkPackages(folder, ownDependencies);
  await cp(path.join(import.meta.dirname, 'application'), path.join(folder, 'src'), { recursive: true });
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name: 'sample', private: true, type }));
  return folder;
}

/** Compiles applications in a process of its own, so that two resolutions take as long as one; answers what is wrong. */
export async function compilerFaults(resolution: 'nodenext' | 'bundler', folders: string[]): Promise<string[]> {
  const program = path.join(import.meta.dirname, 'compiler-program.ts');
  const { stdout } = await run(process.execPath, [...runTypescript, program, resolution, ...folders]);
  return stdout.split('\n').filter(Boolean);
}

/** A running application, and the way to stop it. */
export interface RunningApplication {
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts the program of an application and waits until it says where it listens. */
export async function startApplication(
  folder: string,
  words: readonly [command: string, ...rest: string[]],
  variables: Record<string, string>,
): Promise<RunningApplication> {
  const { PATH, HOME } = process.env;
  const [command, ...rest] = words;
  // A group of its own, so that what a shell started ends with it.
  const program = spawn(command, rest, { cwd: folder, env: { PATH, HOME, ...variables }, detached: true });
  const ended = once(program, 'close');
  const stop = async (): Promise<void> => {
    if (program.exitCode === null) process.kill(-program.pid!, 'SIGTERM');
    await ended;
  };
  return { address: await addressOf(program), stop };
}

async function addressOf(program: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      said += String(chunk);
      const address = /(?:listens on|open at) (http:\S+)/.exec(said)?.[1];
      if (address !== undefined) resolve(address);
    };
    program.stdout?.on('data', hear);
    program.stderr?.on('data', hear);
    program.once('close', () => reject(new Error(`the application ended:\n${said}`)));
  });
}

/** Runs the package's command line, as npm links it, on the database of an application. */
export async function packagedCommand(folder: string, words: readonly string[]): Promise<string> {
  const command = path.join(folder, '..', 'node_modules', '.bin', 'session-ledger');
  const { stdout } = await run(command, [...words], { cwd: folder });
  return stdout;
}
