import { clientOf } from './client.js';
import { startTestService, type TestService } from './running-service.js';

describe('the headers of every answer', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startTestService();
  });

  afterAll(() => service.stop());

  it.each(['/health/live', '/v1/nothing', '/v1/logged-in', '/docs', '/openapi.json', '/metrics'])(
    'of %s keep browsers from running, framing, guessing and keeping it',
    async (path) => {
      const { headers } = await clientOf(service.address).get(path);
      const policy = headers.get('content-security-policy') ?? '';
      for (const directive of [
        "default-src 'self'",
        "script-src 'self'",
        "object-src 'none'",
        "frame-ancestors 'self'",
      ])
        expect(policy.split(';')).toContain(directive);
      // Behind http://127.0.0.1 it would send the pages of /docs to a port without TLS.
      expect(policy).not.toContain('upgrade-insecure-requests');
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'strict-transport-security': expect.stringMatching(/^max-age=31536000/),
        'cache-control': 'no-store',
      });
      expect(headers.has('x-powered-by')).toBe(false);
      expect(headers.has('etag')).toBe(false);
    },
  );

  it('let the pages of the description run what they consist of, and nothing else', async () => {
    const { text } = await clientOf(service.address).get('/docs');
    expect(text).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>\s*\S/);
    const sources = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source = '']) => source);
    expect(sources.length).toBeGreaterThan(3);
    for (const source of sources) {
      const url = new URL(source, `${service.address}/docs`);
      expect(url.origin).toBe(service.address);
      expect((await fetch(url)).status).toBe(200);
    }
  });
});
