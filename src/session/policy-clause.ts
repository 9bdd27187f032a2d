/** How strongly a clause words its limit. `org-defined`: it asks for a limit and leaves the number to the organisation. */
export type Modality = 'SHALL' | 'SHOULD' | 'MAY' | 'org-defined';

/** Where one limit of a policy comes from. */
export interface PolicyClause {
  readonly limit: 'idleSeconds' | 'absoluteSeconds' | 'maxConcurrent';
  /** The document and clause, such as `NIST SP 800-63B-4 2.2.3`. */
  readonly clause: string;
  readonly modality: Modality;
}

/** What happens to a login beyond `maxConcurrent`: the oldest sessions make room, or the login is refused. */
export type OnLimit = 'evict-oldest' | 'refuse';
