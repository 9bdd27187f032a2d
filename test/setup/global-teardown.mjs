import { tsImport } from 'tsx/esm/api';

export default async () => (await tsImport('./provide-database.ts', import.meta.url)).withdrawDatabase();
