import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** A time-stamping authority: `openssl ts` behind HTTP, with a certificate that its own authority has signed. */
export class TimestampAuthority {
  /** The certificate of the authority, for `openssl ts -verify -CAfile`. */
  readonly caFile: string;
  readonly queries: Buffer[] = [];
  /** What it answers in place of what it was asked. */
  answer: ((query: Buffer) => Buffer | undefined) | undefined;
  /** Also once it has stopped. */
  url = '';
  private readonly server: Server;

  private constructor(private readonly folder: string) {
    this.caFile = join(folder, 'ca.pem');
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const query = Buffer.concat(chunks);
        this.queries.push(query);
        const body = this.answer === undefined ? this.stamp(query) : this.answer(query);
        if (body === undefined) return; // it hangs
        response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(body);
      });
    });
  }

  static async start(folder: string): Promise<TimestampAuthority> {
    const authority = new TimestampAuthority(folder);
    authority.makeCertificates();
    authority.server.listen(0, '127.0.0.1');
    await once(authority.server, 'listening');
    authority.url = `http://127.0.0.1:${(authority.server.address() as AddressInfo).port}/tsr`;
    return authority;
  }

  stamp(query: Buffer): Buffer {
    writeFileSync(join(this.folder, 'query.tsq'), query);
    this.openssl('ts', '-reply', '-config', 'ts.cnf', '-queryfile', 'query.tsq', '-out', 'answer.tsr');
    return readFileSync(join(this.folder, 'answer.tsr'));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private makeCertificates(): void {
    writeFileSync(join(this.folder, 'ts.cnf'), configuration);
    const subject = (name: string): string[] => ['-subj', `/CN=${name}`, '-nodes', '-newkey', 'rsa:2048'];
    this.openssl('req', '-x509', ...subject('Test CA'), '-days', '30', '-keyout', 'ca.key', '-out', 'ca.pem');
    this.openssl('req', ...subject('Test TSA'), '-keyout', 'tsa.key', '-out', 'tsa.csr');
    const signing = [
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-extfile',
      'ts.cnf',
      '-extensions',
      'tsa_cert',
    ];
    this.openssl('x509', '-req', '-in', 'tsa.csr', ...signing, '-days', '30', '-out', 'tsa.pem');
    writeFileSync(join(this.folder, 'serial'), '01\n');
  }

  private openssl(...words: string[]): void {
    execFileSync('openssl', words, { cwd: this.folder, stdio: 'pipe' });
  }
}

const configuration = `
[req]
distinguished_name = req_dn
[req_dn]
[tsa_cert]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = tsa_config
[tsa_config]
dir = .
serial = ./serial
crypto_device = builtin
signer_cert = ./tsa.pem
certs = ./ca.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
`;
