/** The shared cache on a real Redis: what may be kept, what a change discards, and a Redis that fails. */

import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { ContextChange, SharedContext, SharedContexts } from '../../domain/ports.ts';
import { startTestRedis, type TestRedis } from '../../test/redis-fixture.ts';
import { flushSharedContexts } from './flush.ts';
import { openSharedContexts } from './shared-contexts.ts';

const MINUTE = 60_000;
let server: TestRedis;
let redis: Redis;
let customer_id: string;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
  redis.on('error', () => {});
});
afterAll(async () => {
  redis.disconnect();
  await server.close();
});
beforeEach(() => {
  customer_id = randomUUID();
});

/** Marks what passes through it, so that a test sees that nothing is stored unsealed. */
const cipher = {
  seal: (id: string, text: string) => `sealed:${id}:${Buffer.from(text).toString('hex')}`,
  open(id: string, sealed: string) {
    const [, owner, hex = ''] = sealed.split(':');
    if (owner !== id) throw new Error('sealed for another customer');
    return Buffer.from(hex, 'hex').toString();
  },
};

interface Opened {
  contexts: SharedContexts;
  calls: string[];
  /** A lookup that Redis responded to; it may take longer than the limit on a busy machine. */
  lookUp(): Promise<SharedContext>;
}

async function open(maxStalenessMs = MINUTE, url = server.url): Promise<Opened> {
  const calls: string[] = [];
  const contexts = openSharedContexts({
    url,
    maxStalenessMs,
    cipher,
    onCall: (call, result) => calls.push(`${call} ${result}`),
    onConnection: () => {},
  });
  onTestFinished(() => contexts.close());
  const lookUp = async () => {
    let found: SharedContext | undefined;
    await expect.poll(async () => (found = await contexts.find(customer_id)), { interval: 20 }).toBeDefined();
    return found as unknown as SharedContext;
  };
  await lookUp();
  return { contexts, calls, lookUp };
}

const context = (version: number) => ({ version, context: { customer_id, version } });
/** Resolves when Redis has executed what was sent to it before. */
const settled = async ({ calls, lookUp }: Opened, call: string) => {
  await expect.poll(() => calls.filter((entry) => entry.startsWith(call)).length).toBeGreaterThan(0);
  await lookUp();
};

test('what one process has read, another finds, with its age; it is sealed and expires', async () => {
  const [writer, reader] = [await open(), await open()];
  writer.contexts.keep(customer_id, await writer.lookUp(), context(3));
  await expect
    .poll(reader.lookUp)
    .toMatchObject({ version: 3, found: { context: { customer_id }, ageMs: expect.any(Number) } });
  const [key = ''] = await redis.keys(`*${customer_id}`);
  expect(await redis.hget(key, 'context')).toMatch(/^sealed:/);
  expect(await redis.pttl(key)).toBeGreaterThan(0);
  expect(await redis.pttl(key)).toBeLessThanOrEqual(MINUTE);
});

test('a context that was read before a change was reported is not kept, one read after it is', async () => {
  for (const change of [{ version: 4 }, {}]) {
    customer_id = randomUUID();
    const opened = await open();
    const before = await opened.lookUp();
    opened.contexts.invalidate([{ customer_id, ...change }]);
    opened.contexts.keep(customer_id, before, context(3));
    await settled(opened, 'keep');
    expect(await opened.lookUp()).toMatchObject({ version: change.version ?? 0 });
    expect(await opened.lookUp()).not.toHaveProperty('found');
    // Redis compares in milliseconds.
    await expect.poll(async () => (await opened.lookUp()).at).toBeGreaterThan(before.at + 1);
    opened.contexts.keep(customer_id, await opened.lookUp(), context(4));
    await expect.poll(opened.lookUp).toMatchObject({ found: { context: { version: 4 } } });
  }
});

test('a change discards the context that it has made outdated, and not a newer one', async () => {
  const opened = await open();
  opened.contexts.keep(customer_id, await opened.lookUp(), context(5));
  await settled(opened, 'keep');
  opened.contexts.invalidate([{ customer_id, version: 5 }]);
  await settled(opened, 'invalidate');
  expect(await opened.lookUp()).toMatchObject({ found: { context: { version: 5 } } });
  opened.contexts.invalidate([{ customer_id, version: 6 }]);
  await expect.poll(opened.lookUp).not.toHaveProperty('found');
  expect(await opened.lookUp()).toMatchObject({ version: 6 });
});

test('an older context does not replace a newer one, nor a later reading of the same version', async () => {
  const opened = await open();
  const early = await opened.lookUp();
  await expect.poll(async () => (await opened.lookUp()).at).toBeGreaterThan(early.at + 1);
  const late = await opened.lookUp();
  const note = (text: string) => ({ version: 5, context: { customer_id, text } });
  opened.contexts.keep(customer_id, late, note('late'));
  opened.contexts.keep(customer_id, early, note('early'));
  opened.contexts.keep(customer_id, { ...late, at: late.at + 1 }, context(4));
  await expect.poll(() => opened.calls.filter((call) => call === 'keep ok').length).toBe(3);
  expect(await opened.lookUp()).toMatchObject({ found: { context: { text: 'late' } } });
});

test('what arrives after its time is not kept', async () => {
  const opened = await open(1_000);
  const { at, version } = await opened.lookUp();
  opened.contexts.keep(customer_id, { at: at - 1_000, version }, context(1));
  await settled(opened, 'keep');
  expect(await opened.lookUp()).not.toHaveProperty('found');
});

test('subscribers receive every change, also after Redis was restarted, and ignore what is not one', async () => {
  const [publisher, subscriber] = [await open(), await open()];
  const received: ContextChange[] = [];
  subscriber.contexts.subscribe((changes) => received.push(...changes));
  const publishUntilReceived = async (change: ContextChange) => {
    await expect
      .poll(() => {
        publisher.contexts.invalidate([change]);
        return received;
      })
      .toContainEqual(change);
  };
  await publishUntilReceived({ customer_id, version: 7 });
  await redis.publish('persona:contexts:1:changed', '{"not":"a change"}');
  await publishUntilReceived({ customer_id });
  expect(new Set(received.map((change) => change.customer_id))).toEqual(new Set([customer_id]));
  await server.kill();
  expect(await publisher.contexts.find(customer_id)).toBeUndefined();
  await server.restart();
  await publishUntilReceived({ customer_id, version: 8 });
});

test('a flush discards every context, also one that was being read, and tells every subscriber', async () => {
  const [reader, subscriber] = [await open(), await open()];
  let flushes = 0;
  subscriber.contexts.subscribe(
    () => {},
    () => {
      flushes += 1;
    },
  );
  const before = await reader.lookUp();
  reader.contexts.keep(customer_id, before, context(3));
  await expect.poll(reader.lookUp).toHaveProperty('found');
  expect(await flushSharedContexts(server.url, MINUTE)).toBeGreaterThanOrEqual(1);
  expect(await reader.lookUp()).not.toHaveProperty('found');
  reader.calls.length = 0;
  reader.contexts.keep(customer_id, before, context(3));
  await settled(reader, 'keep');
  expect(await reader.lookUp()).not.toHaveProperty('found');
  // Until the subscription is made, messages pass by.
  await expect
    .poll(async () => {
      await flushSharedContexts(server.url, MINUTE);
      return flushes;
    })
    .toBeGreaterThan(0);
  await expect(flushSharedContexts('redis://127.0.0.1:1', MINUTE)).rejects.toMatchObject({
    type: 'cache_unavailable',
  });
});

test('a Redis that hangs is asked a few times, then left alone, and used again once it responds', async () => {
  const opened = await open();
  server.suspend();
  onTestFinished(() => server.resume());
  await expect
    .poll(async () => {
      expect(await opened.contexts.find(customer_id)).toBeUndefined();
      return opened.calls.at(-1);
    })
    .toBe('find skipped');
  expect(opened.calls).toContain('find failed');
  server.resume();
  await opened.lookUp();
});

test('without Redis nothing is found, and nothing throws', async () => {
  const calls: string[] = [];
  const unreachable = openSharedContexts({
    url: 'redis://127.0.0.1:1',
    maxStalenessMs: MINUTE,
    cipher,
    onCall: (call, result) => calls.push(`${call} ${result}`),
    onConnection: () => {},
  });
  onTestFinished(() => unreachable.close());
  unreachable.subscribe(() => {});
  expect(await unreachable.find(customer_id)).toBeUndefined();
  unreachable.keep(customer_id, { at: 0, version: 0 }, context(1));
  unreachable.invalidate([{ customer_id, version: 1 }]);
  await expect.poll(() => calls.length).toBe(3);
  expect(calls).not.toContain('find ok');
});
