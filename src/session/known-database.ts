import { ClientIds } from './client-ids.js';
import { TokenFacts } from './token-facts.js';

/**
 * What this process knows of the database that it records in. It is forgotten as a whole when a connection may lead to
 * another database, which gives the same ids to others; a batch that is still under way goes on with what it began with,
 * and what it learns last is forgotten with that.
 */
export class KnownDatabase {
  readonly facts: TokenFacts;
  readonly clientIds = new ClientIds();

  constructor(rememberedTokens: number) {
    this.facts = new TokenFacts(rememberedTokens);
  }
}
