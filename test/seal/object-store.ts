import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A version of an object. */
export interface StoredVersion {
  readonly content: Buffer;
  readonly lock: { readonly mode: string; readonly until: string } | undefined;
}

/**
 * A store that speaks as much of S3's protocol as a published log needs, for tests: no real one comes from npm or Debian. It is made
 * after the protocol's documentation and not after the client: it computes each request's signature (Signature Version 4) and digest
 * itself and refuses what does not fit, keeps every version, and refuses to remove a version that is locked.
 */
export class ObjectStore {
  /** Every version of each object, the oldest first. */
  readonly versions = new Map<string, StoredVersion[]>();
  readonly refusals: string[] = [];
  readonly accessKeyId = 'test-access-key';
  readonly secretAccessKey = 'test-secret-key/with+signs';
  /** Answers 503 to everything, as a store that has a bad day. */
  isDown = false;
  /** Answers nothing, ever. */
  hangs = false;
  hanging = 0;
  private readonly server: Server;

  private constructor(readonly bucket: string) {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(bucket: string): Promise<ObjectStore> {
    const store = new ObjectStore(bucket);
    store.server.listen(0, '127.0.0.1');
    await once(store.server, 'listening');
    return store;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The newest version of an object, as text. */
  text(key: string): string | undefined {
    return this.versions.get(key)?.at(-1)?.content.toString();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (this.hangs) {
      this.hanging += 1;
      return;
    }
    if (this.isDown) return refuse(response, 503, 'SlowDown');
    const refusal = this.refusalOf(request, body);
    if (refusal !== undefined) {
      this.refusals.push(refusal);
      return refuse(response, 403, refusal);
    }
    const url = new URL(request.url!, 'http://store');
    const key = decodeURIComponent(url.pathname.slice(`/${this.bucket}/`.length));
    if (url.searchParams.has('list-type')) return this.list(url.searchParams, response);
    if (request.method === 'PUT') return this.put(key, request, body, response);
    if (request.method === 'DELETE') return this.remove(key, url.searchParams, response);
    const content = this.versions.get(key)?.at(-1)?.content;
    if (content === undefined) return refuse(response, 404, 'NoSuchKey');
    response.writeHead(200, { 'content-length': content.length }).end(content);
  }

  private put(key: string, { headers }: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const [mode, until] = [headers['x-amz-object-lock-mode'], headers['x-amz-object-lock-retain-until-date']];
    const digest = headers['x-amz-checksum-sha256'];
    if (digest !== undefined && digest !== createHash('sha256').update(body).digest('base64'))
      return refuse(response, 400, 'BadDigest');
    if (mode !== undefined && (until === undefined || digest === undefined))
      return refuse(response, 400, 'InvalidRequest');
    const lock = mode === undefined ? undefined : { mode: String(mode), until: String(until) };
    this.versions.set(key, [...(this.versions.get(key) ?? []), { content: body, lock }]);
    response.writeHead(200, { etag: `"${createHash('md5').update(body).digest('hex')}"` }).end();
  }

  private remove(key: string, query: URLSearchParams, response: ServerResponse): void {
    const version = this.versions.get(key)?.[Number(query.get('versionId'))];
    if (version?.lock !== undefined && Date.parse(version.lock.until) > Date.now())
      return refuse(response, 403, 'AccessDenied');
    response.writeHead(204).end();
  }

  private list(query: URLSearchParams, response: ServerResponse): void {
    const [prefix, after] = [query.get('prefix') ?? '', query.get('start-after') ?? ''];
    const keys = [...this.versions.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    const items = keys.slice(0, 1_000).map((key) => `<Contents><Key>${key}</Key></Contents>`);
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${keys.length > 1_000}</IsTruncated>${items.join('')}</ListBucketResult>`,
    );
  }

  /** Signature Version 4, from the documentation: canonical request, string to sign, derived key. */
  private refusalOf(request: IncomingMessage, body: Buffer): string | undefined {
    const { headers } = request;
    const [, keyId, date, region, signedHeaders, signature] =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        headers.authorization ?? '',
      ) ?? [];
    if (keyId !== this.accessKeyId || signedHeaders === undefined) return 'InvalidAccessKeyId';
    const payloadHash = String(headers['x-amz-content-sha256']);
    if (payloadHash !== hex(body)) return 'XAmzContentSHA256Mismatch';
    const url = new URL(request.url!, 'http://store');
    const query = [...url.searchParams].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).sort();
    const canonicalHeaders = signedHeaders.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
    const canonical = [
      request.method,
      url.pathname,
      query.join('&'),
      canonicalHeaders.join(''),
      signedHeaders,
      payloadHash,
    ];
    const scope = `${date}/${region}/s3/aws4_request`;
    const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hex(canonical.join('\n'))].join('\n');
    const keyOf = (key: string | Buffer, ...parts: string[]): Buffer =>
      parts.reduce<Buffer>((derived, part) => createHmac('sha256', derived).update(part).digest(), Buffer.from(key));
    const derived = keyOf(`AWS4${this.secretAccessKey}`, date!, region!, 's3', 'aws4_request', toSign);
    return derived.toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

function hex(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
