import type { ServerResponse } from 'node:http';

/** How long an answer may make no progress at all. */
export const longestStallMs = 60_000;

/**
 * Breaks an answer off whose reader takes nothing of it for so long: the file behind it would stay, and its place among
 * those that may be under way.
 */
export function breakOffWhenStalled(response: ServerResponse, milliseconds: number): void {
  response.setTimeout(milliseconds, () => response.destroy());
}
