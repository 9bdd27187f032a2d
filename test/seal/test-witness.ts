import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openCheckpoint } from '../../src/seal/checkpoint.js';
import { verifyConsistency } from '../../src/seal/consistency-proof.js';
import { ED25519_COSIGNATURE, formatVerifierKey, parseVerifierKey, verifierKey } from '../../src/seal/note-key.js';

/** How a witness may misbehave. */
export type WitnessMood = 'honest' | 'hangs' | 'lies' | 'failing';

/**
 * A witness as C2SP tlog-witness describes it: it remembers the largest checkpoint of each log it knows, and cosigns only what
 * continues it. Proofs are checked by this project's verifier, which passes the published vectors of others.
 */
export class TestWitness {
  mood: WitnessMood = 'honest';
  /** Of what it has cosigned last. */
  size = 0;
  readonly vkey: string;
  readonly requests: string[] = [];
  private root: Buffer = createHash('sha256').digest();
  /** Also once it has stopped. */
  url = '';
  private readonly server: Server;

  private constructor(
    private readonly logVkey: string,
    private readonly name: string,
    private readonly privateKey: KeyObject,
    publicKeyBytes: Buffer,
  ) {
    this.vkey = formatVerifierKey(verifierKey(name, publicKeyBytes, ED25519_COSIGNATURE));
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(logVkey: string, name = 'witness.example/w1'): Promise<TestWitness> {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const bytes = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');
    const witness = new TestWitness(logVkey, name, privateKey, bytes);
    witness.server.listen(0, '127.0.0.1');
    await once(witness.server, 'listening');
    witness.url = `http://127.0.0.1:${(witness.server.address() as AddressInfo).port}`;
    return witness;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    this.requests.push(body);
    if (this.mood === 'hangs') return;
    if (this.mood === 'failing') return void response.writeHead(500).end();
    const [status, type, text] = this.judged(request, body);
    response.writeHead(status, { 'content-type': type }).end(text);
  }

  private judged(request: IncomingMessage, body: string): [status: number, type: string, text: string] {
    const plain = 'text/plain';
    if (request.url !== '/add-checkpoint' || request.method !== 'POST') return [404, plain, ''];
    const split = body.indexOf('\n\n');
    const [oldLine = '', ...proofLines] = body.slice(0, split).split('\n');
    const note = body.slice(split + 2);
    const key = parseVerifierKey(this.logVkey);
    if (note.slice(0, note.indexOf('\n')) !== key.name) return [404, plain, ''];
    let opened: ReturnType<typeof openCheckpoint>;
    try {
      opened = openCheckpoint(note, { origin: key.name, logKeys: [key] });
    } catch {
      return [403, plain, ''];
    }
    const { size, root } = opened.checkpoint;
    const oldSize = Number(/^old (\d+)$/.exec(oldLine)?.[1] ?? -1);
    if (oldSize < 0 || oldSize > size) return [400, plain, ''];
    if (oldSize !== this.size) return [409, 'text/x.tlog.size', `${this.size}\n`];
    const proof = proofLines.map((line) => Buffer.from(line, 'base64'));
    const isContinued =
      oldSize === 0
        ? proof.length === 0
        : verifyConsistency({ oldSize, newSize: size, oldRoot: this.root, newRoot: root, proof });
    if (!isContinued) return [422, plain, ''];
    [this.size, this.root] = [size, root];
    return [
      200,
      plain,
      this.cosignature(this.mood === 'lies' ? 'another text\n' : note.slice(0, note.indexOf('\n\n') + 1)),
    ];
  }

  private cosignature(text: string): string {
    const time = 1_700_000_000n;
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), this.privateKey);
    const blob = Buffer.alloc(12);
    blob.writeUInt32BE(parseVerifierKey(this.vkey).keyId);
    blob.writeBigUInt64BE(time, 4);
    return `\u2014 ${this.name} ${Buffer.concat([blob, signature]).toString('base64')}\n`;
  }
}
