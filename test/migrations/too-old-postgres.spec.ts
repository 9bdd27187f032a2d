import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { migrate } from '../../src/ledger/migrate.js';

/** One message of PostgreSQL's protocol from the server: its type, its length, its parts. */
function message(type: string, ...parts: (Buffer | string | number)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(`${part}\0`);
      if (typeof part !== 'number') return part;
      const number = Buffer.alloc(2);
      number.writeInt16BE(part);
      return number;
    }),
  );
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const column = (name: string, type: number): Buffer =>
  Buffer.concat([
    Buffer.from(`${name}\0`),
    int32(0),
    Buffer.alloc(2),
    int32(type),
    Buffer.alloc(2),
    int32(-1),
    Buffer.alloc(2),
  ]);
const cell = (text: string): Buffer => Buffer.concat([int32(text.length), Buffer.from(text)]);
const ready = message('Z', Buffer.from('I'));

/** Lets everybody in, and says of itself that it is PostgreSQL 14. */
function answer(socket: Socket): void {
  let isIn = false;
  socket.on('data', (data) => {
    if (!isIn) socket.write(Buffer.concat([message('R', int32(0)), ready]));
    else if (data.toString('latin1', 0, 1) === 'Q') {
      const columns = message('T', 2, column('version', 23), column('encoding', 25));
      const row = message('D', 2, cell('140011'), cell('UTF8'));
      socket.write(Buffer.concat([columns, row, message('C', 'SELECT 1'), ready]));
    }
    isIn = true;
  });
}

describe('PostgreSQL 14', () => {
  let server: Server;

  beforeAll(async () => {
    server = createServer(answer).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => server.close());

  it('is refused by what it says of itself, before anything is made in it', async () => {
    const { port } = server.address() as AddressInfo;
    await expect(migrate({ url: `postgres://anybody@127.0.0.1:${port}/any` })).rejects.toMatchObject({
      code: 'ERR_POSTGRES_TOO_OLD',
      message: expect.stringMatching(/PostgreSQL 14 is too old; the ledger needs 15 or newer/),
    });
  });
});
