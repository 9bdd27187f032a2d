import { setTimeout as sleep } from 'node:timers/promises';
import request from 'supertest';
import { openCheckpoint } from '../../src/seal/checkpoint.js';
import { parseEntryBundle } from '../../src/seal/entry-bundle.js';
import { leafHash, leafHashes, merkleRoot } from '../../src/seal/merkle.js';
import { parseVerifierKey } from '../../src/seal/note-key.js';
import { tilePath } from '../../src/seal/tile.js';
import { verifyTlogProof } from '../../src/seal/tlog-proof.js';
import { startTestService, type TestService } from './running-service.js';

describe('the sealed ledger over HTTP', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startTestService({ SESSION_LEDGER_SEAL_EVERY_MS: '50', SESSION_LEDGER_PUBLISH_EVERY_MS: '50' });
    await openSession(service);
    await sealed(service);
  });
  afterAll(async () => service.stop());

  it('gives the checkpoint and the keys it is signed with to everybody', async () => {
    const { checkpoint } = openCheckpoint(await text('/v1/ledger/checkpoint'), await trust());
    const { rows } = await service.owner.query('SELECT count(*)::int AS count FROM session_ledger.event');
    expect(checkpoint.size).toBe(rows[0].count);
  });

  it('gives the entries that make up the root of the checkpoint', async () => {
    const { checkpoint } = openCheckpoint(await text('/v1/ledger/checkpoint'), await trust());
    const path = tilePath({ level: 'entries', index: 0, width: checkpoint.size });
    const { body } = await asked(`/v1/ledger/${path}`).buffer(true).parse(bytesOf).expect(200);
    const leaves = parseEntryBundle(body as Buffer, checkpoint.size);
    expect(merkleRoot(leafHashes(leaves))).toEqual(checkpoint.root);
    const tile = tilePath({ level: 0, index: 0, width: checkpoint.size });
    const { body: hashes } = await asked(`/v1/ledger/${tile}`).buffer(true).parse(bytesOf).expect(200);
    expect(hashes).toEqual(leafHashes(leaves));
  });

  it('gives the proof of an event, which holds by the published keys alone', async () => {
    const { body } = await asked('/v1/events/1/proof').expect(200);
    const { leaf, proof } = body as { leaf: string; proof: string };
    expect(JSON.parse(leaf)).toMatchObject({ seq: '1', kind: 'ledger_started' });
    expect(verifyTlogProof(proof, leafHash(Buffer.from(leaf)), await trust()).index).toBe(0);
  });

  it.each([
    '/v1/events/999999/proof',
    '/v1/ledger/tile/0/005',
    '/v1/ledger/tile/entries/000.p/255',
    '/v1/ledger/tile/x',
  ])('has nothing at %s', async (path) => {
    const { body } = await asked(path).expect(404);
    expect(body).toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  it('names the checkpoint that seals the evidence of an answer, and says of each event that it is sealed', async () => {
    const { checkpoint } = openCheckpoint(await text('/v1/ledger/checkpoint'), await trust());
    const { body } = await asked('/v1/users/alice/login-state').expect(200);
    const { sessions, ...answer } = body as { sessions: { sessionId: string }[]; answer: string; checkpoint: unknown };
    expect(answer).toMatchObject({
      answer: 'logged_in',
      checkpoint: { size: checkpoint.size, rootHash: checkpoint.root.toString('base64') },
    });
    const { body: events } = await asked(`/v1/sessions/${sessions[0]!.sessionId}/events`).expect(200);
    expect(events).toMatchObject({ items: [{ kind: 'created', sealed: true }] });
  });

  it('gives entries and proofs to nobody without a key', async () => {
    for (const path of ['/v1/ledger/tile/entries/000.p/1', '/v1/events/1/proof'])
      expect((await request(service.address).get(path)).status).toBe(401);
  });

  it('answers unknown, and raises an alarm, when an event that decides is no longer what was sealed', async () => {
    await openSession(service, 'mallory');
    await sealed(service);
    const before = await asked('/v1/users/mallory/login-state').expect(200);
    expect(before.body).toMatchObject({ answer: 'logged_in' });
    await service.owner.query(`ALTER TABLE session_ledger.event DISABLE TRIGGER event_append_only`);
    await service.owner.query(
      `UPDATE session_ledger.event SET expires_at = expires_at - interval '1 second' WHERE seq = (SELECT max(seq) FROM session_ledger.event)`,
    );
    await service.owner.query(`ALTER TABLE session_ledger.event ENABLE ALWAYS TRIGGER event_append_only`);
    const after = await asked('/v1/users/mallory/login-state').expect(200);
    expect(after.body).toMatchObject({ answer: 'unknown', reason: 'integrity', sessions: [] });
    expect(service.log.join('')).toMatch(/events \d+ are not what was sealed/);
    const { text } = await request(service.address).get('/metrics');
    expect(text).toMatch(/^session_ledger_broken_seals_total [1-9]/m);
    const { body } = await asked(`/v1/events/${after.body.evidence[0].seq}/proof`).expect(409);
    expect(body).toMatchObject({ code: 'ERR_EVIDENCE_REJECTED' });
  });

  it('lets another instance serve the same checkpoint, without the key to sign one', async () => {
    const second = await service.another();
    const { text: note } = await request(second.address).get('/v1/ledger/checkpoint').expect(200);
    expect(openCheckpoint(note, await trust()).checkpoint.size).toBeGreaterThan(0);
    await second.stop();
  });

  function asked(path: string): request.Test {
    return request(service.address).get(path).set('Authorization', `Bearer ${service.adminKey}`);
  }

  async function text(path: string): Promise<string> {
    return (await request(service.address).get(path).expect(200)).text;
  }

  async function trust(): Promise<{ origin: string; logKeys: ReturnType<typeof parseVerifierKey>[] }> {
    const logKeys = (await text('/v1/ledger/key')).trim().split('\n').map(parseVerifierKey);
    return { origin: logKeys[0]!.name, logKeys };
  }
});

async function openSession({ address, adminKey }: TestService, userId = 'alice'): Promise<void> {
  const opening = { userId, client: { ip: '203.0.113.7', userAgent: 'Firefox' } };
  await request(address).post('/v1/sessions').set('Authorization', `Bearer ${adminKey}`).send(opening).expect(201);
}

async function sealed({ owner }: TestService): Promise<void> {
  const pending = `SELECT (SELECT max(seq) FROM session_ledger.event)
    IS DISTINCT FROM (SELECT max(h.last_seq) FROM session_ledger.tree_head h JOIN session_ledger.published_checkpoint USING (size)) AS pending`;
  for (let tried = 0; tried < 100; tried += 1) {
    if (!(await owner.query<{ pending: boolean }>(pending)).rows[0]!.pending) return;
    await sleep(50);
  }
  throw new Error('nothing was sealed within 5 seconds');
}

function bytesOf(response: request.Response, done: (failure: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => done(null, Buffer.concat(chunks)));
}
