import path from 'node:path';
import { root } from './documents.js';
import { fencedBlocks, type FencedBlock } from './fenced-blocks.js';

/** The blocks of a document in this language and with this remark behind it: a spec runs, compiles or compares them. */
interface ExercisedBlocks {
  readonly document: string;
  readonly language: string;
  readonly remark: string;
  readonly spec: string;
}

const [commands, operator] = ['test/docs/commands.spec.ts', 'test/docs/operator.spec.ts'];
const [demo, consumers, typescript] = [
  'test/cli/demo.spec.ts',
  'test/package/consumers.spec.ts',
  'test/docs/typescript.spec.ts',
];

/** What commands.spec.ts runs, it pastes into bash beside a service that was started with nothing in it. */
export const exercisedBlocks: readonly ExercisedBlocks[] = [
  { document: 'README.md', language: 'bash', remark: 'run', spec: demo },
  { document: 'README.md', language: 'console', remark: '', spec: demo },
  { document: 'README.md', language: 'ts', remark: '', spec: consumers },
  { document: 'README.md', language: 'bash', remark: 'run, exit code 11', spec: commands },
  { document: 'docs/analyst.md', language: 'bash', remark: 'run', spec: commands },
  { document: 'docs/compliance.md', language: 'bash', remark: 'run', spec: commands },
  { document: 'docs/developer.md', language: 'ts', remark: 'check', spec: typescript },
  { document: 'docs/developer.md', language: 'ts', remark: 'run in jest', spec: consumers },
  { document: 'docs/developer.md', language: 'js', remark: 'run in jest', spec: consumers },
  { document: 'docs/developer.md', language: 'bash', remark: 'run', spec: commands },
  { document: 'docs/operator.md', language: 'sql', remark: 'run', spec: operator },
  { document: 'docs/operator.md', language: 'bash', remark: 'run', spec: operator },
  { document: 'docs/operator.md', language: 'sql', remark: 'run as ledger_service, refused', spec: operator },
  {
    document: 'docs/operator.md',
    language: 'sql',
    remark: 'run where the migrating login makes no roles',
    spec: operator,
  },
  { document: 'docs/operator.md', language: 'sh', remark: 'settings', spec: 'test/docs/policies.spec.ts' },
  { document: 'examples/bank/README.md', language: 'bash', remark: 'run', spec: consumers },
  { document: 'examples/bank/README.md', language: 'ts', remark: '', spec: 'test/docs/bank.spec.ts' },
  { document: 'reports/README.md', language: 'bash', remark: 'run', spec: commands },
];

/** The blocks of a document that a spec has undertaken to exercise. */
export function blocksFor(spec: string, document: string): FencedBlock[] {
  const rows = exercisedBlocks.filter((row) => row.spec === spec && row.document === document);
  return fencedBlocks(path.join(root, document)).filter(({ language, remark }) =>
    rows.some((row) => row.language === language && row.remark === remark),
  );
}

/** One block that nothing here runs, by its first line, and why that is right. */
interface ExemptBlock {
  readonly document: string;
  readonly begins: string;
  readonly because: string;
}

const verifiers = 'test/seal/verifiers-of-others.spec.ts gives these commands a ledger of its own and an event of it';

export const exemptBlocks: readonly ExemptBlock[] = [
  { document: 'README.md', begins: 'npm ci', because: '.ci/run does both in a fresh clone (.ci/smoke-start.mjs)' },
  {
    document: 'CONTRIBUTING.md',
    begins: 'npm ci',
    because: '.ci/run runs all of them, and a test cannot run the tests',
  },
  { document: 'CONTRIBUTING.md', begins: 'TEST_DATABASE_URL=', because: '.ci/run does so on PostgreSQL 15' },
  {
    document: 'docs/operator.md',
    begins: 'docker compose up',
    because: 'no engine here: containers.spec.ts lints the files',
  },
  {
    document: 'docs/operator.md',
    begins: 'npx session-ledger gap record --cause restored',
    because: 'it ends every live session: test/cli/operating.spec.ts runs it on a ledger of its own',
  },
  {
    document: 'docs/operator.md',
    begins: 'npx session-ledger gap record --cause late_event',
    because: 'test/cli/operating.spec.ts records such a gap, and test/http/seals.spec.ts asks what it changes',
  },
  {
    document: 'docs/operator.md',
    begins: "export SESSION_LEDGER_SEAL_SIGN_COMMAND='aws",
    because: 'nobody lends the tests a key in that service: test/environment-seal.spec.ts signs with another command',
  },
  {
    document: 'docs/operator.md',
    begins: 'openssl ts -verify',
    because: 'test/seal/time-stamping.spec.ts runs it beside an authority of its own',
  },
  {
    document: 'docs/auditor.md',
    begins: 'npx session-ledger verify',
    because: 'test/cli/verify.spec.ts runs the command',
  },
  {
    document: 'docs/auditor.md',
    begins: 'curl -fsS --retry 10',
    because: 'test/http/evidence.spec.ts asks so and test/cli/verify.spec.ts checks such a file',
  },
  { document: 'docs/auditor.md', begins: "(printf '302a3005", because: verifiers },
  { document: 'docs/auditor.md', begins: "(printf '\\0'; cat event.leaf)", because: verifiers },
  { document: 'docs/auditor.md', begins: 'go run main.go', because: verifiers },
];
