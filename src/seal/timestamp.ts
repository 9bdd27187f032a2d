import { createHash, randomBytes } from 'node:crypto';
import type * as Asn1 from 'asn1js';
import { SessionLedgerError } from '../errors.js';

type Asn1js = typeof Asn1;

const oid = {
  sha256: '2.16.840.1.101.3.4.2.1',
  signedData: '1.2.840.113549.1.7.2',
  timestampInfo: '1.2.840.113549.1.9.16.1.4',
};
const mostResponseBytes = 65_536;
const timeoutMs = 15_000;

/** What an authority answered: the bytes as they came, and the time in them. */
export interface TimestampResponse {
  /** A TimeStampResp in DER, as `openssl ts -verify -in` reads it. */
  readonly response: Buffer;
  /** RFC 3339 in UTC. */
  readonly stampedAt: string;
}

/**
 * Has a time-stamping authority (RFC 3161, over HTTP) say that a document existed.
 *
 * What comes back is compared with what was asked: status, digest and nonce. Whether the authority's signature holds, and whether its
 * certificate is to be believed, is for whoever relies on it to verify: this ledger knows no authority that everybody would trust.
 *
 * The reader of ASN.1 is an optional peer dependency, loaded with the first request.
 *
 * @throws SessionLedgerError `ERR_OUTSIDE_UNAVAILABLE` when nothing useful comes back, `ERR_EVIDENCE_REJECTED` for a token of something
 *   else.
 * @example
 * const { response } = await requestTimestamp('https://tsa.example/tsr', Buffer.from(note), stopping);
 */
export async function requestTimestamp(
  url: string,
  document: Uint8Array,
  stopping: AbortSignal,
): Promise<TimestampResponse> {
  const asn1 = await loadAsn1();
  const digest = createHash('sha256').update(document).digest();
  const nonce = randomBytes(8);
  // A positive number that has all its bytes, so that it is written one way only.
  nonce[0] = (nonce[0]! & 0x3f) | 0x40;
  const response = await post(url, timestampQuery(asn1, digest, nonce), stopping);
  return { response, stampedAt: stampedAtOf(asn1, response, digest, nonce) };
}

/** TimeStampReq of RFC 3161, 2.4.1: version 1, digest, nonce, and the authority's certificate wanted in the answer. */
function timestampQuery(asn1: Asn1js, digest: Buffer, nonce: Buffer): Buffer {
  const algorithm = new asn1.Sequence({ value: [new asn1.ObjectIdentifier({ value: oid.sha256 }), new asn1.Null()] });
  const query = new asn1.Sequence({
    value: [
      new asn1.Integer({ value: 1 }),
      new asn1.Sequence({ value: [algorithm, new asn1.OctetString({ valueHex: digest })] }),
      new asn1.Integer({ valueHex: nonce }),
      new asn1.Boolean({ value: true }),
    ],
  });
  return Buffer.from(query.toBER());
}

async function post(url: string, query: Buffer, stopping: AbortSignal): Promise<Buffer> {
  let said: string;
  try {
    const headers = { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' };
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]);
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body: new Uint8Array(query),
      signal,
      redirect: 'error',
    });
    const body = Buffer.from(await answer.arrayBuffer());
    if (answer.ok && body.length <= mostResponseBytes) return body;
    said = `it answered ${answer.status} with ${body.length} bytes`;
  } catch (cause) {
    throw new SessionLedgerError(
      'ERR_OUTSIDE_UNAVAILABLE',
      `the time-stamping authority at ${url} does not answer (${(cause as Error).name})`,
      { cause },
    );
  }
  throw new SessionLedgerError(
    'ERR_OUTSIDE_UNAVAILABLE',
    `the time-stamping authority at ${url} is of no use: ${said}`,
  );
}

/** Reads TimeStampResp (RFC 3161, 2.4.2), and the TSTInfo inside of its SignedData (RFC 5652, 5.1). */
function stampedAtOf(asn1: Asn1js, response: Buffer, digest: Buffer, nonce: Buffer): string {
  const [status, token] = partsOf(asn1, asn1.fromBER(bytesOf(response)).result);
  const granted = status && partsOf(asn1, status)[0];
  // 0 granted, 1 granted with modifications.
  if (!(granted instanceof asn1.Integer) || ![0, 1].includes(granted.valueBlock.valueDec))
    throw new SessionLedgerError(
      'ERR_OUTSIDE_UNAVAILABLE',
      'the time-stamping authority refused to stamp the checkpoint',
    );
  const info = infoOf(asn1, token);
  const [, , imprint, , time, ...rest] = info;
  const [algorithm, hashed] = imprint === undefined ? [] : partsOf(asn1, imprint);
  const [hash] = algorithm === undefined ? [] : partsOf(asn1, algorithm);
  const isOurs =
    hash instanceof asn1.ObjectIdentifier &&
    hash.valueBlock.toString() === oid.sha256 &&
    hashed instanceof asn1.OctetString &&
    digest.equals(Buffer.from(hashed.valueBlock.valueHexView));
  if (!isOurs) throw rejected('another document than the checkpoint');
  const echoed = rest.find((part) => part instanceof asn1.Integer);
  if (echoed === undefined || !nonce.equals(Buffer.from(echoed.valueBlock.valueHexView)))
    throw rejected('another request: its nonce is not ours');
  if (!(time instanceof asn1.GeneralizedTime)) throw rejected('no time');
  return time.toDate().toISOString();
}

function infoOf(asn1: Asn1js, token: Asn1.BaseBlock | undefined): Asn1.BaseBlock[] {
  const [type, content] = token === undefined ? [] : partsOf(asn1, token);
  const [signedData] = content === undefined ? [] : partsOf(asn1, content);
  const [, , encapsulated] = signedData === undefined ? [] : partsOf(asn1, signedData);
  const [innerType, inner] = encapsulated === undefined ? [] : partsOf(asn1, encapsulated);
  const [octets] = inner === undefined ? [] : partsOf(asn1, inner);
  const isToken =
    type instanceof asn1.ObjectIdentifier &&
    type.valueBlock.toString() === oid.signedData &&
    innerType instanceof asn1.ObjectIdentifier &&
    innerType.valueBlock.toString() === oid.timestampInfo &&
    octets instanceof asn1.OctetString;
  if (!isToken) throw rejected('nothing that a time stamp consists of');
  return partsOf(asn1, asn1.fromBER(bytesOf(Buffer.from(octets.getValue()))).result);
}

/** The parts of a sequence, or of an explicit tag; none of anything else. */
function partsOf(asn1: Asn1js, block: Asn1.BaseBlock): Asn1.BaseBlock[] {
  return block instanceof asn1.Sequence || block instanceof asn1.Constructed ? block.valueBlock.value : [];
}

function bytesOf(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}

function rejected(what: string): SessionLedgerError {
  return new SessionLedgerError('ERR_EVIDENCE_REJECTED', `the time-stamping authority stamped ${what}`);
}

async function loadAsn1(): Promise<Asn1js> {
  try {
    return await import('asn1js');
  } catch (cause) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      'time stamps need a reader of ASN.1 beside this package: npm install asn1js',
      { cause },
    );
  }
}
