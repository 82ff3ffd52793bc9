/**
 * Tokens whose signature was verified. A caller sends the same one with each request until shortly before it expires, and
 * verifying a signature takes longer than answering from the cache of contexts.
 */

import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Identity } from './identity.ts';

/** About half a kilobyte each. Beyond it, the least recently used one is verified again. */
const MAX_TOKENS = 10_000;

interface VerifiedToken {
  identity: Identity;
  /** Epoch milliseconds. */
  expiresAt: number;
  /** Identifies the issuer's keys that it was verified with. */
  keys: object;
}

export interface VerifiedTokens {
  /** @param keys identifies the issuer's newest keys: when they change, every token is verified again */
  find(token: string, keys: object): Identity | undefined;
  keep(token: string, verified: VerifiedToken): void;
}

export function createVerifiedTokens(): VerifiedTokens {
  const verified = new LRUCache<string, VerifiedToken>({ max: MAX_TOKENS });
  return {
    find(token, keys) {
      const found = verified.get(digestOf(token));
      return found?.keys === keys && found.expiresAt > Date.now() ? found.identity : undefined;
    },
    keep: (token, entry) => void verified.set(digestOf(token), entry),
  };
}

/** Not the token itself, so that memory holds none that could be used. */
function digestOf(token: string): string {
  return hash('sha256', token, 'base64');
}
