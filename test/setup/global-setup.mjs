import { tsImport } from 'tsx/esm/api';

// Jest loads this file without its own transform and module mapping; tsx resolves './x.js' to './x.ts'.
export default async () => {
  const { providePackage } = await tsImport('./compiled-package.ts', import.meta.url);
  const { provideDatabase } = await tsImport('./provide-database.ts', import.meta.url);
  await Promise.all([providePackage(), provideDatabase()]);
};
