import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** How node runs a program of the tests that needs no decorators: `node ...runTypescript program.ts`. */
export const runTypescript = ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
