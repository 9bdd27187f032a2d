import { existsSync } from 'node:fs';
import path from 'node:path';

/**
 * The folder `reports/` of this package. It lies beside `package.json`, whether this file runs from `src/` or from
 * `dist/src/`.
 */
export function reportsFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json'))) {
    if (path.dirname(folder) === folder) throw new Error('the package lies in no folder with a package.json');
    folder = path.dirname(folder);
  }
  return path.join(folder, 'reports');
}
