import path from 'node:path';
import ts from 'typescript';

/**
 * The program of a process that compiles applications: `<nodenext | bundler> <folder ...>`. It prints what is wrong in them
 * and in the declarations of the package, which `skipLibCheck` hides from their users: there, a type that cannot be found
 * silently becomes `any`. Under nodenext it writes each one's `dist`, an ES module or CommonJS as its package.json says.
 */
const [resolution = '', ...folders] = process.argv.slice(2);
const resolutions: Record<string, ts.CompilerOptions> = {
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  bundler: { module: ts.ModuleKind.Preserve, moduleResolution: ts.ModuleResolutionKind.Bundler, noEmit: true },
};
const options: ts.CompilerOptions = {
  ...resolutions[resolution],
  target: ts.ScriptTarget.ES2023,
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  types: ['node'],
};

const mains = folders.flatMap((folder) =>
  ['main.express.ts', 'main.fastify.ts'].map((file) => path.join(folder, 'src', file)),
);
const host = ts.createCompilerHost(options);
host.getCurrentDirectory = () => folders[0] ?? '';
const program = ts.createProgram(mains, options, host);
// Those of Nest and TypeORM are theirs to check.
const checked = program.getSourceFiles().filter(({ fileName }) => /\/(src|session-ledger\/dist)\//.test(fileName));
const faults = checked.flatMap((file) => [
  ...program.getSyntacticDiagnostics(file),
  ...program.getSemanticDiagnostics(file),
]);
process.stdout.write(ts.formatDiagnostics([...program.getOptionsDiagnostics(), ...faults], host));
for (const file of program.getSourceFiles().filter(({ fileName }) => folders.some((folder) => isIn(folder, fileName))))
  program.emit(file, (name, text) => ts.sys.writeFile(name.replace('/src/', '/dist/'), text));

function isIn(folder: string, file: string): boolean {
  return file.startsWith(path.join(folder, 'src', path.sep));
}
