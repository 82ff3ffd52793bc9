import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ModelSimulator, startModelSimulator } from '../../dev/simulators/model/server.ts';
import type { ModelChunk } from '../../domain/ports.ts';
import { createModelClient } from './client.ts';
import { createRetrievalClient } from './retrieval.ts';

let simulator: ModelSimulator;
beforeEach(async () => {
  simulator = await startModelSimulator();
});
afterEach(() => simulator.close());

const setMode = (mode: string) => fetch(`${simulator.url}/_sim/mode`, { method: 'PUT', body: mode });
const requests = async () => {
  const response = await fetch(`${simulator.url}/_sim/requests`);
  return ((await response.json()) as { data: { body: any; ended: boolean }[] }).data;
};
const PROMPT = { instructions: 'Be brief.', message: 'What is a chargeback?', max_tokens: 50 };
const newClient = () => createModelClient({ base: simulator.base, apiKey: 'key', model: 'simulated' });

async function collect(answer: AsyncIterable<ModelChunk>): Promise<ModelChunk[]> {
  const found: ModelChunk[] = [];
  for await (const part of answer) found.push(part);
  return found;
}
const ask = (signal = AbortSignal.timeout(20_000), client = newClient()) =>
  collect(client.answer(PROMPT, signal));

test('the answer comes in parts, with the tokens at the end', async () => {
  const parts = await ask();
  const text = parts.flatMap((part) => ('text' in part ? [part.text] : [])).join('');
  expect(text).toContain('What is a chargeback?');
  expect(parts.length).toBeGreaterThan(5);
  expect(parts.at(-1)).toEqual({ usage: { input_tokens: 6, output_tokens: expect.any(Number) } });
  expect((await requests())[0]?.body).toMatchObject({
    model: 'simulated',
    max_tokens: 50,
    messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }],
  });
});

test.each([
  ['error_500', '500', 2],
  ['away', 'closed', 2],
  ['garbage', 'broke off', 2],
  ['error_body', 'JSON, perhaps an error', 2],
  ['error_event', 'reported an error', 2],
  ['flood', 'exceeded', 2],
  ['rate_limited', '429: too many requests', 1],
  ['rate_limited_bare', '429: too many requests', 1],
  ['refused', '400', 1],
])(
  'a model that is set to %s is unavailable, and the error says why and nothing of the question (%s; %i tries)',
  async (mode, reason, tries) => {
    await setMode(mode);
    const failure = await ask().catch((error: unknown) => error);
    expect(failure).toMatchObject({ type: 'model_unavailable' });
    expect(inspect(failure, { depth: 9 })).not.toMatch(/chargeback|Be brief/);
    expect(String(failure)).toMatch(mode === 'away' ? /closed|reset|failed|ECONN/ : new RegExp(reason));
    expect(await requests()).toHaveLength(tries);
  },
);

test('an answer that breaks off after its first words is not asked for again', async () => {
  await setMode('break_off');
  const seen: ModelChunk[] = [];
  const read = async () => {
    for await (const part of newClient().answer(PROMPT, AbortSignal.timeout(20_000))) seen.push(part);
  };
  await expect(read()).rejects.toMatchObject({ type: 'model_unavailable' });
  expect(seen.length).toBeGreaterThan(0);
  expect(await requests()).toHaveLength(1);
});

test('the caller ends a model that hangs, and one that never ends', async () => {
  await setMode('hang');
  await expect(ask(AbortSignal.timeout(200))).rejects.toThrow();
  await setMode('endless');
  const leave = new AbortController();
  const answer = newClient().answer(PROMPT, leave.signal)[Symbol.asyncIterator]();
  expect(await answer.next()).toMatchObject({ done: false });
  leave.abort();
  await expect(collect({ [Symbol.asyncIterator]: () => answer })).rejects.toThrow();
  await expect.poll(async () => (await requests()).at(-1)?.ended).toBe(true);
});

test('a model that asks to be asked later is not asked before, and callers learn when', async () => {
  await setMode('rate_limited');
  const client = newClient();
  await expect(ask(undefined, client)).rejects.toMatchObject({ retryAfterMs: 7_000 });
  await setMode('ok');
  const early: any = await ask(undefined, client).catch((error: unknown) => error);
  expect([early.type, early.retryAfterMs > 0 && early.retryAfterMs <= 7_000]).toEqual([
    'model_unavailable',
    true,
  ]);
  expect(await requests()).toHaveLength(1);
});

test('a model that refuses without a time is asked by others meanwhile, and callers learn when to come back', async () => {
  await setMode('rate_limited_bare');
  const client = newClient();
  await expect(ask(undefined, client)).rejects.toMatchObject({ retryAfterMs: 10_000 });
  await setMode('ok');
  expect(await ask(undefined, client)).toContainEqual({ usage: expect.anything() });
});

test('neither callers who leave nor questions that a model refuses close it to others', async () => {
  const client = newClient();
  await setMode('hang');
  for (let n = 0; n < 6; n += 1) {
    const leave = new AbortController();
    const asked = ask(leave.signal, client);
    await expect.poll(async () => (await requests()).length).toBe(n + 1);
    leave.abort();
    await expect(asked).rejects.toThrow();
  }
  await setMode('refused');
  for (let n = 0; n < 6; n += 1) await expect(ask(undefined, client)).rejects.toThrow('400');
  await setMode('ok');
  expect(await ask(undefined, client)).toContainEqual({ usage: expect.anything() });
});

test('after five failures in a row a model is not asked for a while', async () => {
  await setMode('error_500');
  const client = newClient();
  for (let n = 0; n < 5; n += 1) await ask(undefined, client).catch(() => {});
  const before = (await requests()).length;
  await expect(ask(undefined, client)).rejects.toThrow('failed several times in a row');
  expect(await requests()).toHaveLength(before);
  expect(await client.isAvailable()).toBe(false);
  expect(await newClient().isAvailable()).toBe(true);
});

test('a retrieval engine gives texts; one that is away gives none, and delays nothing for long', async () => {
  const engine = createRetrievalClient(simulator.url);
  expect(await engine.find('fees', AbortSignal.timeout(5_000))).toEqual(['A note about: fees']);
  expect(await engine.isAvailable()).toBe(true);
  for (let n = 0; n < 4; n += 1) expect(await engine.find('fees', AbortSignal.abort())).toBeUndefined();
  expect(await engine.find('fees', AbortSignal.timeout(5_000))).toHaveLength(1);
  await setMode('away');
  expect(await engine.find('fees', AbortSignal.timeout(5_000))).toBeUndefined();
  expect(await engine.isAvailable()).toBe(false);
  expect(
    await createRetrievalClient(`${simulator.base}`).find('fees', AbortSignal.timeout(5_000)),
  ).toBeUndefined();
});
