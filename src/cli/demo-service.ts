import { SessionLedgerError } from '../errors.js';

/** The service over HTTP, as an application or a program of an analyst calls it with a key. */
export class DemoService {
  constructor(
    readonly address: string,
    private readonly key: string,
  ) {}

  async get(path: string): Promise<unknown> {
    return this.send(path, {});
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return this.send(path, { method: 'POST', body: JSON.stringify(body) });
  }

  private async send(path: string, init: RequestInit): Promise<unknown> {
    const headers = { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' };
    const answer = await fetch(`${this.address}${path}`, { ...init, headers });
    const body: unknown = await answer.json();
    if (answer.ok) return body;
    throw new SessionLedgerError('ERR_INTERNAL', `the service answered ${answer.status}: ${JSON.stringify(body)}`);
  }
}
