import net from 'node:net';
import { HttpListener } from '../../src/main/http-listener.js';

describe('the address of the service', () => {
  let listener: HttpListener;
  let port: number;

  beforeEach(async () => {
    listener = new HttpListener((request, response) => {
      if (request.url === '/half') response.write('half of an answer');
      else request.resume().once('end', () => response.end('whole'));
    });
    port = await listener.listen('127.0.0.1', 0);
  });

  afterEach(() => listener.drain(0));

  const sent = (text: string): Promise<string> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = net.connect(port, '127.0.0.1', () => socket.write(text));
      socket.on('data', (chunk) => (answer += String(chunk))).once('close', () => resolve(answer));
    });

  it('leaves an hour to an upload, a minute to headers, and keeps connections longer than balancers do', () => {
    const { requestTimeout, headersTimeout, keepAliveTimeout } = listener.server;
    expect({ requestTimeout, headersTimeout, keepAliveTimeout }).toEqual({
      requestTimeout: 3_600_000,
      headersTimeout: 60_000,
      keepAliveTimeout: 75_000,
    });
  });

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 400, 'ERR_INVALID_INPUT'],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
      431,
      'ERR_HEADERS_TOO_LARGE',
    ],
  ])('answers %s with a problem', async (_, text, status, code) => {
    const [head = '', body = ''] = (await sent(text)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('Content-Type: application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ status, code, requestId: expect.any(String) });
  });

  it('answers a request that does not come to its end with a problem', async () => {
    listener.server.emit('clientError', ...(await unfinished('ERR_HTTP_REQUEST_TIMEOUT')));
    expect(JSON.parse((await answered).split('\r\n\r\n')[1] ?? '')).toMatchObject({
      status: 408,
      code: 'ERR_REQUEST_TIMEOUT',
    });
  });

  it('writes no problem into the middle of an answer', async () => {
    const answer = await sent('GET /half HTTP/1.1\r\nHost: x\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n\r\n');
    expect(answer).not.toContain('problem+json');
  });

  let answered: Promise<string>;

  /** A connection as Node hands it over when it gives up on its request. */
  async function unfinished(code: string): Promise<[Error, net.Socket]> {
    const accepted = new Promise<net.Socket>((resolve) => listener.server.once('connection', resolve));
    answered = sent('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
    return [Object.assign(new Error('Request timeout'), { code }), await accepted];
  }
});
