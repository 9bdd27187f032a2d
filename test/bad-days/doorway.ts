import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * An address that leads to one server today and to another tomorrow, as a virtual IP or a DNS name does after a
 * failover. Connections that are through are cut when it is led elsewhere. It can also swallow all that is said, as a
 * network does behind which the server has gone: nothing is refused or reset, and nothing comes back.
 */
export class Doorway {
  private readonly through = new Set<Socket>();

  private isSilent = false;

  private constructor(
    private readonly server: Server,
    private leadsTo: number,
  ) {
    server.on('connection', (outside) => this.connect(outside));
  }

  static async open(leadsTo: number): Promise<Doorway> {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Doorway(server, leadsTo);
  }

  /** The same login and database, through this door. */
  urlOf(url: string): string {
    const through = new URL(url);
    through.port = String((this.server.address() as AddressInfo).port);
    return through.toString();
  }

  leadTo(port: number): void {
    this.leadsTo = port;
    for (const socket of this.through) socket.destroy();
  }

  fallSilent(): void {
    this.isSilent = true;
    for (const socket of this.through) swallow(socket);
  }

  /** New connections are heard again; those that fell silent stay so, as nobody tells them that the server is back. */
  speakAgain(): void {
    this.isSilent = false;
  }

  async close(): Promise<void> {
    this.leadTo(0);
    this.server.close();
    await once(this.server, 'close');
  }

  private connect(outside: Socket): void {
    if (this.isSilent) {
      this.through.add(outside);
      outside.on('error', () => undefined).on('close', () => this.through.delete(outside));
      return swallow(outside);
    }
    const inside = net.connect(this.leadsTo, '127.0.0.1');
    for (const [one, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      this.through.add(one);
      // Either end may be gone at any moment: that is what these tests are about, and the other end notices.
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.through.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}

function swallow(socket: Socket): void {
  socket.unpipe();
  socket.on('data', () => undefined);
}
