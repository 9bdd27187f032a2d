/** What the bank did with a click. */
export interface BankAnswer {
  readonly status: number;
  /** Where the browser is sent on to; null when it is not. */
  readonly location: string | null;
}

/** The same browser as a function of bash: curl with a cookie jar, saying which site its forms are on. */
export const browserOfBash =
  `as() { curl -s -o /dev/null -w '%{http_code} %{redirect_url}\\n' ` +
  `-A "$1" -b "$1" -c "$1" -H "Origin: $BANK" "$BANK$2" "\${@:3}"; }`;

/** A person at a browser: it keeps the bank's cookie and says which site its forms are on. */
export class DemoCustomer {
  private cookie: string | undefined;

  constructor(
    private readonly bank: string,
    /** Its user agent, and the name of its cookie jar. */
    readonly browser: string,
  ) {}

  /** The click as `browserOfBash` makes it. */
  inBash(path: string, form?: Record<string, string>): string {
    const fields = Object.entries(form ?? {}).map(([name, value]) => ` -d ${name}=${quoted(value)}`);
    return `as ${this.browser} ${path}${form !== undefined && fields.length === 0 ? ' -X POST' : fields.join('')}`;
  }

  /** Clicks: a form is sent, without one a page is asked for. */
  async click(path: string, form?: Record<string, string>): Promise<BankAnswer> {
    const init = form === undefined ? { method: 'GET' } : { method: 'POST', body: new URLSearchParams(form) };
    const headers = { origin: this.bank, 'user-agent': this.browser, ...(this.cookie && { cookie: this.cookie }) };
    const answer = await fetch(new URL(path, this.bank), { ...init, headers, redirect: 'manual' });
    const [setCookie] = answer.headers.getSetCookie();
    if (setCookie !== undefined) this.cookie = setCookie.includes('Max-Age=0') ? undefined : setCookie.split(';')[0];
    await answer.arrayBuffer();
    return { status: answer.status, location: answer.headers.get('location') };
  }
}

function quoted(value: string): string {
  return /^\w+$/.test(value) ? value : `'${value}'`;
}
