import { createServer } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import express from 'express';
import { refuseSlowBodies } from '../../src/http/json-body.js';

describe('a JSON body', () => {
  it('that does not come to its end is given up on, with a problem; one that does is not', async () => {
    const app = express();
    app.use(refuseSlowBodies(300), express.json());
    app.post('/', (_, response) => void setTimeout(() => response.end('taken'), 500));
    const server = createServer(app).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const answerTo = (body: string): Promise<string> =>
      new Promise((resolve) => {
        let answer = '';
        const head =
          'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2';
        const socket = net.connect(port, '127.0.0.1', () => socket.write(`${head}\r\n\r\n${body}`));
        socket.on('data', (chunk) => (answer += String(chunk))).once('close', () => resolve(answer));
      });
    expect(await answerTo('{')).toContain('"code":"ERR_REQUEST_TIMEOUT"');
    expect(await answerTo('{}')).toContain('taken');
    server.close();
  });
});
