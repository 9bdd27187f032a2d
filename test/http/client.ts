/** What a test sends. A string or buffer goes as it is; anything else as JSON. */
export interface Sent {
  method?: string;
  key?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

/** What came back. `body` is parsed where it is JSON, else its text. */
export interface Received {
  status: number;
  headers: Headers;
  body: Record<string, never> & { [name: string]: unknown };
  text: string;
}

/** A client of one service with one API key: `client('/v1/sessions', { userId: 'alice' })`. */
export function clientOf(address: string, key?: string) {
  const send = async (path: string, { method, body, headers = {}, ...sent }: Sent = {}): Promise<Received> => {
    const authorization = 'key' in sent ? sent.key : key;
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(`${address}${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(authorization === undefined ? {} : { authorization: `Bearer ${authorization}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson =
      /json/.test(response.headers.get('content-type') ?? '') &&
      !/ndjson/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : {}, text };
  };
  return {
    send,
    get: (path: string, headers: Record<string, string> = {}) => send(path, { headers }),
    post: (path: string, body: unknown, headers: Record<string, string> = {}) => send(path, { body, headers }),
  };
}
