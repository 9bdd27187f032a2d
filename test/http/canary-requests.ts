/** What a route takes when all is well. */
export interface ValidRequest {
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object | string;
  readonly type?: string;
}

/** A request with a secret where none belongs, or where only the secret itself belongs. */
export interface CanaryRequest {
  /** Where the secret stands. */
  readonly carrier: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  /** Whoever asks about a user id is told about it: it comes back as `userId`, and nowhere else. */
  readonly isUserId: boolean;
}

const userIdNames = ['userId', 'userIds'];

/** A route's valid request, once for each place in which a secret can stand. */
export function* canaryRequests(
  route: string,
  valid: ValidRequest,
  secret: string,
  key: string,
): Generator<CanaryRequest> {
  const template = route.slice(route.indexOf(' ') + 1);
  const usual = { authorization: `Bearer ${key}` };
  const made = (
    carrier: string,
    changes: Partial<ValidRequest> & { headers?: Record<string, string> },
    isUserId = false,
  ) => {
    const { path = {}, query = {}, body, type = 'application/json' } = { ...valid, ...changes };
    const filled = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''));
    const search = new URLSearchParams(query).toString();
    return {
      carrier,
      url: search === '' ? filled : `${filled}?${search}`,
      headers: { ...usual, ...(body === undefined ? {} : { 'content-type': type }), ...changes.headers },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
      isUserId,
    };
  };
  for (const name of Object.keys(valid.path ?? {}))
    yield made(`path ${name}`, { path: { ...valid.path, [name]: secret } }, userIdNames.includes(name));
  for (const name of [...Object.keys(valid.query ?? {}), 'unknown'])
    yield made(`query ${name}`, { query: { ...valid.query, [name]: secret } }, userIdNames.includes(name));
  yield made('name in the query', { query: { ...valid.query, [secret]: 'x' } });
  for (const [name, value] of headersWith(secret)) yield made(`header ${name}`, { headers: { [name]: value } });
  yield* bodiesWith(valid, secret).map(({ carrier, isUserId, ...changes }) => made(carrier, changes, isUserId));
}

function headersWith(secret: string): [string, string][] {
  return [
    ['authorization', `Bearer ${secret}`],
    ['authorization', `Basic ${secret}`],
    ['authorization', secret],
    ['x-request-id', secret],
    ['x-case-id', secret],
    ['idempotency-key', secret],
    ['cookie', `__Host-session=${secret}; session=${secret}`],
    ['content-type', `application/json; charset=utf-8; boundary=${secret}`],
    ['content-type', secret],
    ['content-encoding', secret],
    ['accept', `application/json; q=${secret}`],
    ['user-agent', secret],
    ['referer', `http://example.test/?token=${secret}`],
    ['x-forwarded-for', secret],
    ['x-http-method-override', secret],
  ];
}

type BodyWith = Partial<ValidRequest> & { carrier: string; isUserId: boolean };

function bodiesWith({ body, type }: ValidRequest, secret: string): BodyWith[] {
  if (body === undefined) return [{ carrier: 'body of a route without one', body: { token: secret }, isUserId: false }];
  if (typeof body === 'string') return listsWith(body, type ?? '', secret);
  const other: BodyWith[] = [
    { carrier: 'unknown member', body: { ...body, unknown: secret }, isUserId: false },
    { carrier: 'name of a member', body: { ...body, [secret]: 'x' }, isUserId: false },
    { carrier: 'broken JSON', body: `{"token":"${secret}"`, isUserId: false },
    { carrier: 'a text for an object', body: JSON.stringify(secret), isUserId: false },
    { carrier: 'a list for an object', body: JSON.stringify([secret]), isUserId: false },
  ];
  return [...leavesWith(body, secret, []), ...other];
}

/** The body with the secret in the place of one value after the other, and as the name of a member of each object. */
function leavesWith(body: object, secret: string, above: string[]): BodyWith[] {
  return Object.entries(body).flatMap(([name, value]) => {
    const place = [...above, name];
    const replaced = (by: unknown) =>
      Array.isArray(body) ? Object.assign([...body], { [name]: by }) : { ...body, [name]: by };
    const isUserId = userIdNames.some((known) => place.includes(known));
    const whole = { carrier: `body ${place.join('.')}`, body: replaced(secret), isUserId };
    if (typeof value !== 'object' || value === null) return [whole];
    const inner = leavesWith(value as object, secret, place).map((with_) => ({ ...with_, body: replaced(with_.body) }));
    const named = {
      carrier: `name in ${place.join('.')}`,
      body: replaced({ ...value, [secret]: 'x' }),
      isUserId: false,
    };
    return Array.isArray(value) ? [whole, ...inner] : [whole, named, ...inner];
  });
}

function listsWith(list: string, type: string, secret: string): BodyWith[] {
  const header = type === 'text/csv';
  return [
    { carrier: 'user id in a list', body: list.replace('alice', secret), isUserId: true },
    { carrier: 'instant in a list', body: list.replace(/\d{4}-[^,"\n]+Z/, secret), isUserId: true },
    { carrier: 'name in a list', body: list.replace('note', secret), isUserId: true },
    { carrier: 'value in a list', body: list.replace('beside', secret), isUserId: true },
    { carrier: 'a list that is none', body: header ? `"${secret}` : `{"${secret}`, isUserId: true },
  ];
}
