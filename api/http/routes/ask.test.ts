import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createModelClient } from '../../../adapters/model/client.ts';
import { type ModelSimulator, startModelSimulator } from '../../../dev/simulators/model/server.ts';
import { askPersona, type AskPersonaDependencies } from '../../../services/ask-persona.ts';
import { noAsking, testPersona } from '../../../test/catalogue-fixtures.ts';
import { fakeServices, silentObservers, testAppOptions } from '../../fakes.ts';
import { createApp } from '../app.ts';

const SILENCE_MS = 15_000;

let simulator: ModelSimulator;
let lines: string[];
beforeEach(async () => {
  simulator = await startModelSimulator();
  lines = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await simulator.close();
});

/** Asks over REST a persona whose model is the simulator, in a mode. */
async function ask(mode: string, body: object): Promise<Response> {
  await fetch(`${simulator.url}/_sim/mode`, { method: 'PUT', body: mode });
  // Only time that the API itself waits.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const model = createModelClient({ base: simulator.base, model: 'simulated' });
  const { context: _, response_format: __, ...content } = testPersona({ system_prompt: 'Secret orders.' });
  const persona = { name: 'a', ...content, version: 1, is_active: true };
  const dependencies = {
    catalogue: { find: () => persona, count() {} },
    asking: { ...noAsking, model },
  } as unknown as AskPersonaDependencies;
  const services = fakeServices({
    askPersona: (caller, request) => askPersona(dependencies, caller, request),
  });
  const app = createApp(
    services,
    silentObservers((line) => lines.push(line)),
    testAppOptions,
  );
  return app.request('/persona/a', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

const requests = async () => {
  const response = await fetch(`${simulator.url}/_sim/requests`);
  return ((await response.json()) as { data: unknown[] }).data;
};

test('a model that hangs is given up after 15 s, without a second try, and the caller learns why and when to come back', async () => {
  const asked = ask('hang', { message: 'A private question' });
  await expect.poll(requests).toHaveLength(1);
  vi.advanceTimersByTime(SILENCE_MS);
  const response = await asked;
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '10']);
  expect(await response.json()).toMatchObject({
    type: 'urn:persona:error:model_unavailable',
    detail: expect.stringContaining('it is silent'),
  });
  expect(await requests()).toHaveLength(1);
  expect(lines.join('')).toMatch(/"error_type":"model_unavailable"/);
  expect(lines.join('')).not.toMatch(/Secret orders|private question/);
});

test('a stream in which the model falls silent ends with an error event', async () => {
  const response = await ask('stall', { message: 'A private question', stream: true });
  const text = response.text();
  vi.advanceTimersByTime(SILENCE_MS);
  expect(response.status).toBe(200);
  expect(await text).toMatch(
    /^event: text\n[^]*event: error\ndata: \{"type":"urn:persona:error:model_unavailable"/,
  );
  expect(lines.join('')).toMatch(/"error_type":"model_unavailable","msg":"an answer ended early"/);
  expect(lines.join('')).not.toMatch(/Secret orders|private question/);
});
