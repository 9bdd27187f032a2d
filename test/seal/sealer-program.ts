import { readFileSync } from 'node:fs';
import { LogBucket } from '../../src/seal/log-bucket.js';
import { LogDirectory } from '../../src/seal/log-directory.js';
import type { LogPlace } from '../../src/seal/log-place.js';
import { Sealer } from '../../src/seal/sealer.js';

/**
 * The program of a process that seals without pause until it is killed: `<url> <key file> <origin> <directory or bucket> [step]`. After the step, it
 * kills itself.
 */
const [url = '', keyFile = '', origin, directory = '', lastStep] = process.argv.slice(2);
const sealer = new Sealer({
  url,
  role: 'sealer',
  signingKeys: [readFileSync(keyFile, 'utf8')],
  origin,
  places: [placeAt(directory)],
  onStep: (step) => void (step === lastStep && process.kill(process.pid, 'SIGKILL')),
  onFailure: (failure) => process.stderr.write(`${failure.code}: ${failure.message}\n`),
});
for (;;) {
  await sealer.sealOnce();
  process.stdout.write('.');
}

/** A directory, or `http://<host>/<bucket>/<prefix>/`. */
function placeAt(place: string): LogPlace {
  if (!URL.canParse(place)) return new LogDirectory(place);
  const [, bucket = '', ...prefix] = new URL(place).pathname.split('/');
  const { origin: endpoint } = new URL(place);
  return new LogBucket({ bucket, prefix: prefix.join('/'), endpoint, region: 'eu-central-1', isPathStyle: true });
}
