const versionPlace = 14;

/**
 * The session of some whose `before_birth_of` is the earliest: the least UUIDv7, or an id that the ledger never minted, which says nothing
 * of when its session was opened.
 */
export function openedFirst(sessionIds: readonly string[]): string {
  const unminted = sessionIds.find((sessionId) => sessionId[versionPlace] !== '7');
  return unminted ?? sessionIds.reduce((first, other) => (other < first ? other : first));
}
