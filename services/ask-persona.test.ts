import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import type { ModelProvider } from '../domain/ports.ts';
import { testPersona } from '../test/catalogue-fixtures.ts';
import { type AskedModel, askPersona, type AskPersonaDependencies } from './ask-persona.ts';

test('a model that hangs ends at the deadline, with an error that holds nothing of the question', async () => {
  const asked: AskedModel[] = [];
  const model: ModelProvider = {
    model: 'hanging',
    async *answer(prompt, signal) {
      yield { text: 'The first word' };
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () =>
          reject(new Error(`left: ${signal.reason}`, { cause: signal })),
        ),
      );
    },
    isAvailable: async () => true,
  };
  const persona = {
    name: 'a',
    ...testPersona({ system_prompt: 'Secret orders.' }),
    version: 1,
    is_active: true,
  };
  const dependencies = {
    catalogue: { find: () => persona, count() {} },
    asking: { model, onAsked: (one: AskedModel) => asked.push(one), onMetricsLost() {} },
  } as unknown as AskPersonaDependencies;
  const caller = {
    ...{ caller: 'test', actor: 'test', maySetLtvAndSegment: false, correlationId: 'c' },
    ...{ deadline: Date.now() + 600, signal: new AbortController().signal },
  };
  const parts: unknown[] = [];
  const read = async () => {
    const request = { name: 'a', body: { message: 'A private question' } };
    for await (const part of askPersona(dependencies, caller, request)) parts.push(part);
  };
  const failure: unknown = await read().catch((error: unknown) => error);
  expect(failure).toMatchObject({ type: 'deadline_exceeded' });
  expect(inspect(failure, { depth: 9 })).not.toMatch(/Secret orders|private question|first word/);
  expect(parts).toEqual([{ text: 'The first word' }]);
  expect(asked).toMatchObject([{ result: 'failed', firstSeconds: expect.any(Number) }]);
});
