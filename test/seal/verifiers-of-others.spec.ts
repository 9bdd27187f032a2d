import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { proofOfEvent } from '../../src/seal/proof-of-event.js';
import { SigningKey } from '../../src/seal/signing-key.js';
import { tilePath } from '../../src/seal/tile.js';
import { origin, publishedLeaves, sealAndStop, setUpSealedLedger, type SealedLedger } from './sealed-ledger.js';

const run = promisify(execFile);
const goModules = '/usr/share/gocode'; // where Debian's golang-golang-x-mod-dev puts its sources
const hasGo = existsSync('/usr/bin/go') && existsSync(join(goModules, 'src/golang.org/x/mod/sumdb/tlog'));
const hasOpenssl = existsSync('/usr/bin/openssl');

describe('verifiers that others wrote', () => {
  let ledger: SealedLedger;
  let key: SigningKey;

  beforeAll(async () => {
    ledger = await setUpSealedLedger();
    key = SigningKey.fromPem(origin, ledger.signingKey);
    await ledger.recordSessions(200);
    await sealAndStop(ledger);
  });
  afterAll(async () => ledger.close());

  (hasGo ? describe : describe.skip)("Go's x/mod/sumdb", () => {
    it('accepts the checkpoint, the entries and the proof of an event', async () => {
      const { leaf, proof } = await proofOfEvent(ledger.superuser, 300);
      expect(await goCheck(leaf, proof)).toBe(
        'checkpoint over 603 events is signed\nentries add up to the signed root\nevent is leaf 299\n',
      );
    });

    it('rejects the proof of another event', async () => {
      const [{ leaf }, { proof }] = [
        await proofOfEvent(ledger.superuser, 300),
        await proofOfEvent(ledger.superuser, 301),
      ];
      await expect(goCheck(leaf, proof)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/proof/) });
    });

    it('rejects the entries of a directory in which one was changed', async () => {
      const bundle = join(ledger.directory, tilePath({ level: 'entries', index: 1, width: 256 }));
      const entries = await readFile(bundle);
      const { leaf, proof } = await proofOfEvent(ledger.superuser, 300);
      await writeFile(bundle, entries.toString('latin1').replace('"logout"', '"expire"'), 'latin1');
      await expect(goCheck(leaf, proof)).rejects.toMatchObject({ stderr: expect.stringMatching(/do not add up/) });
      await writeFile(bundle, entries);
    });
  });

  (hasOpenssl ? describe : describe.skip)('openssl and sha256sum', () => {
    it('accept the signature of the checkpoint', async () => {
      expect(await opensslVerifies((text) => text)).toMatch(/Signature Verified Successfully/);
    });

    it('reject it over another size', async () => {
      await expect(opensslVerifies((text) => text.replace('603', '602'))).rejects.toMatchObject({ code: 1 });
    });

    it('compute the hash of a leaf that the tile holds', async () => {
      const leaf = join(ledger.directory, 'first.leaf');
      await writeFile(leaf, (await publishedLeaves(ledger))[0]!);
      const { stdout } = await run('/bin/sh', ['-c', `(printf '\\0'; cat '${leaf}') | sha256sum`]);
      const tile = await readFile(join(ledger.directory, 'tile/0/000'));
      expect(stdout.slice(0, 64)).toBe(tile.subarray(0, 32).toString('hex'));
    });
  });

  async function goCheck(leaf: string, proof: string): Promise<string> {
    const [leafFile, proofFile] = [join(ledger.directory, 'event.leaf'), join(ledger.directory, 'event.tlog-proof')];
    await writeFile(leafFile, leaf);
    await writeFile(proofFile, proof);
    const program = join(import.meta.dirname, 'go', 'main.go');
    // Debian ships Go's packages as sources in a GOPATH, to be used without the network.
    const env = {
      ...process.env,
      GO111MODULE: 'off',
      GOPATH: goModules,
      GOFLAGS: '',
      GOCACHE: join(ledger.directory, 'go-cache'),
    };
    const { stdout } = await run('/usr/bin/go', ['run', program, ledger.directory, key.vkey, leafFile, proofFile], {
      env,
    });
    return stdout;
  }

  /** As docs/auditor.md has it: the public key out of the vkey, the text and the signature out of the checkpoint. */
  async function opensslVerifies(tamper: (text: string) => string): Promise<string> {
    const file = (name: string): string => join(ledger.directory, name);
    const note = await readFile(file('checkpoint'), 'utf8');
    await writeFile(file('key.pem'), key.verifierKey.publicKey.export({ format: 'pem', type: 'spki' }));
    await writeFile(file('text'), tamper(note.slice(0, note.indexOf('\n\n') + 1)));
    await writeFile(file('signature'), Buffer.from(note.trim().split(' ').at(-1)!, 'base64').subarray(4));
    const verifying = [
      'pkeyutl',
      '-verify',
      '-pubin',
      '-inkey',
      file('key.pem'),
      '-rawin',
      '-in',
      file('text'),
      '-sigfile',
      file('signature'),
    ];
    return (await run('openssl', verifying)).stdout;
  }
});
