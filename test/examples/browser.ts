/** What a browser does for a bank's customer: it keeps the cookie, says which site it is on, and follows no redirect by itself. */
export class Browser {
  private cookie: string | undefined;

  constructor(
    private readonly site: string,
    private readonly origin = site,
  ) {}

  /** The same browser, cookie included, on a page of another origin. */
  on(origin: string): Browser {
    const elsewhere = new Browser(this.site, origin);
    elsewhere.cookie = this.cookie;
    return elsewhere;
  }

  get(path: string): Promise<Response> {
    return this.send(path, { method: 'GET' });
  }

  post(path: string, form: Record<string, string> = {}): Promise<Response> {
    return this.send(path, { method: 'POST', body: new URLSearchParams(form) });
  }

  private async send(path: string, init: RequestInit): Promise<Response> {
    const headers = {
      origin: this.origin,
      'user-agent': 'Browser of the test',
      ...(this.cookie && { cookie: this.cookie }),
    };
    const answer = await fetch(new URL(path, this.site), { ...init, headers, redirect: 'manual' });
    const [setCookie] = answer.headers.getSetCookie();
    if (setCookie !== undefined) this.cookie = setCookie.includes('Max-Age=0') ? undefined : setCookie.split(';')[0];
    return answer;
  }
}
