import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { SessionLedgerError } from '../errors.js';
import { answerUnparsed } from '../http/unparsed-request.js';

// Longer than balancers keep an idle connection (60 s is usual): closed from this side first, a connection that is being
// reused at that moment costs its caller a reset request. Node's own 5 s is shorter than most.
const keepAliveMs = 75_000;
// Node's own 300 s cut off an upload of 1 GiB that comes at less than 30 Mbit/s. JSON bodies have a limit of their own.
const wholeRequestMs = 3_600_000;

/** The address of the service, kept from before it can do anything until after its last answer. */
export class HttpListener {
  readonly server: Server;
  // Answers under way, by connection: what Node cannot parse must not be answered into the middle of one.
  private readonly answers = new WeakMap<Socket, ServerResponse>();

  /** @param handler what answers; another can take its place at any time. */
  constructor(private handler: RequestListener) {
    this.server = createServer(
      { requestTimeout: wholeRequestMs, keepAliveTimeout: keepAliveMs },
      (request, response) => {
        this.answers.set(request.socket, response);
        this.handler(request, response);
      },
    );
    this.server.on('clientError', (failure: NodeJS.ErrnoException, socket: Socket) => {
      if (this.answers.get(socket)?.headersSent === true && !this.answers.get(socket)?.writableFinished)
        socket.destroy();
      else answerUnparsed(failure.code, socket);
    });
  }

  answerWith(handler: RequestListener): void {
    this.handler = handler;
  }

  /**
   * Listens, unless it does already, and answers the port (which the system chooses for port 0).
   *
   * @throws SessionLedgerError `ERR_CONFIGURATION` when the address is taken, not this machine's, or not allowed.
   */
  async listen(host: string, port: number): Promise<number> {
    if (!this.server.listening) {
      this.server.listen(port, host);
      try {
        await once(this.server, 'listening');
      } catch (cause) {
        throw new SessionLedgerError('ERR_CONFIGURATION', whyNot((cause as NodeJS.ErrnoException).code, host, port), {
          cause,
        });
      }
    }
    return (this.server.address() as AddressInfo).port;
  }

  /**
   * Takes no more requests, lets those that are under way finish, and breaks off what is left after the time given.
   */
  async drain(withinSeconds: number): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    const isClosed = closed.then(() => true);
    for (let waited = 0; waited < withinSeconds * 10; waited += 1) {
      // A kept-alive connection turns idle with its last answer, and would otherwise keep the server open for seconds.
      this.server.closeIdleConnections();
      if (await Promise.race([isClosed, pause(100, false)])) return;
    }
    this.server.closeAllConnections();
    await closed;
  }
}

function whyNot(code: string | undefined, host: string, port: number): string {
  switch (code) {
    case 'EADDRINUSE':
      return `PORT ${port} is taken by another process; stop that, or choose another with PORT=${port + 1}`;
    case 'EACCES':
      return `PORT ${port} needs privileges that this user does not have; choose one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HOST ${host} is not an address of this machine`;
    default:
      return `HOST ${host} and PORT ${port} cannot be listened on (${code ?? 'unknown reason'})`;
  }
}
