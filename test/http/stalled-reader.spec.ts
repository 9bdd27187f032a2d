import { createServer, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { breakOffWhenStalled } from '../../src/http/stalled-reader.js';

describe('a reader', () => {
  it('that takes nothing for too long is left, while a slow one is served to the end', async () => {
    const ended: string[] = [];
    const serve = async (response: ServerResponse, pieces: number): Promise<void> => {
      breakOffWhenStalled(response, 1_000);
      await pipeline(function* () {
        for (let piece = 0; piece < pieces; piece += 1) yield Buffer.alloc(2 ** 16);
      }, response);
    };
    const server = createServer((request, response) => {
      void serve(response, request.url === '/slow' ? 100 : 10_000).then(
        () => ended.push(`${request.url} whole`),
        () => ended.push(`${request.url} broken off`),
      );
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const get = (path: string): net.Socket => {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => undefined).write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      return socket;
    };

    const [stalled, slow] = [get('/stalled').pause(), get('/slow')];
    slow.on('data', () => {
      slow.pause();
      setTimeout(() => slow.resume(), 20);
    });
    while (ended.length < 2) await pause(20);
    expect(ended.toSorted()).toEqual(['/slow whole', '/stalled broken off']);
    stalled.destroy();
    server.close();
  });
});
