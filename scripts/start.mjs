// `npm start`: builds when the sources changed, then is the service; its signals and exit code are the service's own.
import { buildIfStale, exitUnbuilt } from './build.mjs';

await buildIfStale().catch(exitUnbuilt);
process.setSourceMapsEnabled(true);
await import('../dist/src/main.js');
