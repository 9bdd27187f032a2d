import type { PageAsked } from './page.js';

/** A question about one user at one instant. */
export interface LoginStateQuestion {
  /** 1 to 255 characters, any Unicode except control characters, compared byte for byte. */
  userId: string;
  /** Whose user id this is; the configured realm when omitted. */
  realm?: string;
  /** RFC 3339 with an offset, or a local time beside `zone`; the database's now when omitted. */
  at?: string;
  /** The IANA zone of instants without an offset, such as `Europe/Berlin`. */
  zone?: string;
  /** Answer from what the ledger said then; at most the horizon. */
  knownAt?: string;
  /** Only sessions of this application. */
  application?: string;
  /** Whether the answer is to be handed out with a proof; kept with the question. */
  proof?: boolean;
}

/** A question about one user over `[from, to)`. */
export interface LoginStateOverQuestion extends Omit<LoginStateQuestion, 'at' | 'proof'> {
  from: string;
  to: string;
}

/** A question about a user's sessions, live at some instant of `[from, to)`. */
export interface SessionsQuestion extends PageAsked {
  userId: string;
  realm?: string;
  from?: string;
  to?: string;
  zone?: string;
}

/** A question about everyone logged in at an instant. */
export interface LoggedInQuestion extends PageAsked, Omit<LoginStateQuestion, 'userId' | 'proof'> {}

/** A question about where users were seen from: an address or network, an agent as it was sent, or both. */
export interface ClientsQuestion extends PageAsked {
  ip?: string;
  userAgent?: string;
  from?: string;
  to?: string;
  zone?: string;
}
