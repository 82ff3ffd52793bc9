import { expect, test } from 'vitest';
import { NONCE_BYTES, nextNonce } from './nonces.ts';

test('no nonce is returned twice, and none changes after it was returned', () => {
  const given = Array.from({ length: 1_000 }, () => nextNonce());
  const texts = given.map((nonce) => nonce.toString('hex'));
  expect(new Set(texts).size).toBe(given.length);
  expect(new Set(given.map((nonce) => nonce.length))).toEqual(new Set([NONCE_BYTES]));
  for (let more = 0; more < 1_000; more += 1) nextNonce();
  expect(given.map((nonce) => nonce.toString('hex'))).toEqual(texts);
});
