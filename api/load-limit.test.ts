import { expect, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import type { CountedCaller } from './counted-caller.ts';
import { createLoadLimit } from './load-limit.ts';

const STRIPE: CountedCaller = { kind: 'webhook', name: '192.0.2.1' };
const SERVICE: CountedCaller = { kind: 'service', name: 'checkout' };

const customer = (name: string): CountedCaller => ({ kind: 'customer', name });
const service = (name: string): CountedCaller => ({ kind: 'service', name });

function limitWith(delayMs = 0) {
  const load = { delayMs, inProgress: 0, refused: [] as string[] };
  const begin = createLoadLimit(() => load.delayMs, {
    inProgress: (requests) => {
      load.inProgress = requests;
    },
    refused: (reason) => load.refused.push(reason),
  });
  /** Begins requests until one is refused. @returns what ends each of them */
  const fill = (caller: CountedCaller, most = 2_000): (() => void)[] => {
    const ends: (() => void)[] = [];
    while (ends.length < most) {
      const begun = begin(caller);
      if (begun instanceof PersonaError) break;
      ends.push(begun);
    }
    return ends;
  };
  return { load, begin, fill };
}

test.each([
  ['a customer', customer('ada'), 20],
  ['a service', SERVICE, 500],
  ['webhooks', STRIPE, 250],
] as const)('%s has a share of the requests in progress', (_, caller, share) => {
  const { load, begin, fill } = limitWith();
  const ends = fill(caller);
  expect([ends.length, load.inProgress]).toEqual([share, share]);
  expect(load.refused).toEqual(['caller_share']);
  expect(begin(caller)).toMatchObject({ type: 'overloaded', retryAfterMs: 1_000 });
  expect(begin(customer('bob'))).toBeTypeOf('function');
  ends[0]?.();
  expect(begin(caller)).toBeTypeOf('function');
});

test('callers without authentication share one limit, wherever they come from', () => {
  const { fill } = limitWith();
  const at = (name: string): CountedCaller => ({ kind: 'unauthenticated', name });
  expect(fill(at('192.0.2.1'), 200)).toHaveLength(200);
  expect(fill(at('192.0.2.2'))).toHaveLength(50);
  // Signatures of webhooks are checked later: floods from one address leave room for those from others.
  expect(fill(STRIPE)).toHaveLength(250);
  expect(fill({ kind: 'webhook', name: '192.0.2.3' })).toHaveLength(250);
});

test('the process has at most 1000 requests in progress, and admits others once some have ended', () => {
  const { load, begin, fill } = limitWith();
  const [first] = [fill(service('a')), fill(service('b'))];
  load.refused.length = 0;
  expect(begin(customer('ada'))).toMatchObject({ type: 'overloaded' });
  expect(load.refused).toEqual(['process_full']);
  for (const end of first) end();
  expect(load.inProgress).toBe(500);
  expect(fill(customer('ada'))).toHaveLength(20);
});

test('a slow event loop refuses requests only with at least 100 in progress', () => {
  const { load, begin, fill } = limitWith(251);
  expect(fill(SERVICE)).toHaveLength(100);
  expect(load.refused).toEqual(['event_loop']);
  load.delayMs = 250;
  expect(begin(SERVICE)).toBeTypeOf('function');
});
