/** A file of a published log: its path below the log's prefix, and what it holds. */
export interface LogFile {
  readonly path: string;
  readonly content: Uint8Array | string;
  /** Whether what it holds will never change, as that of a full tile: where a place can lock files, such a one is locked. */
  readonly isFinal: boolean;
}

/**
 * Where a log is published as static files (C2SP tlog-tiles), so that copies leave the database: `checkpoint`, `keys`, and below
 * `tile/` hashes and entries. Beside them a place keeps what was signed: it knows every checkpoint before anybody else is shown it.
 */
export interface LogPlace {
  /** As messages name it, such as `the directory /srv/ledger`. */
  readonly name: string;
  readonly kind: 'directory' | 'bucket';
  /** Milliseconds between bringing its files up to date: where each request costs, they may trail what was signed a little. */
  readonly pauseMs: number;
  /** Makes it ready to be written to by a sealer that has just begun. */
  prepare(): Promise<void>;
  /**
   * The newest signed checkpoint that it keeps.
   *
   * @param fromSize smaller ones need not be looked for.
   * @returns undefined where it keeps none of that size or more.
   */
  signed(fromSize: number): Promise<string | undefined>;
  /** Keeps a checkpoint that was signed and not shown to anybody yet; kept durably when this returns. */
  keepSigned(note: string, size: number): Promise<void>;
  /** A file's content; undefined where there is none. */
  read(path: string): Promise<Buffer | undefined>;
  /** Writes files, each whole or not at all; all of them durably when this returns. */
  write(files: readonly LogFile[]): Promise<void>;
  /** Removes the partial versions of tiles that are full by now (C2SP tlog-tiles allows it), where that frees anything. */
  removePartials(fullTilePaths: readonly string[]): Promise<void>;
  /** Gives up what is under way, if that can take long: the sealer stops. `prepare` makes it ready again. */
  giveUp(): void;
}

/** The size that a checkpoint says it is over; nothing about it is verified. */
export function sizeSaid(note: string): number {
  return Number(note.split('\n')[1]);
}
