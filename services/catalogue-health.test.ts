import { expect, test } from 'vitest';
import { testPersona } from '../test/catalogue-fixtures.ts';
import type { AskPersonaDependencies } from './ask-persona.ts';
import { createCatalogueHealth } from './catalogue-health.ts';

const LOADED_AT = Date.parse('2026-01-05T10:00:00Z');
const FRESH = { loadedAt: LOADED_AT, ageMs: 250, isStale: false, hitRatio: 0.5 };

interface Served {
  status: object;
  database: 'up' | 'down';
  model?: boolean;
  retrieval?: boolean;
}

/** @param served `model`, `retrieval`: whether they respond; absent: not configured */
function healthOf({ status, database, model, retrieval }: Served) {
  const server = (isAvailable: boolean | undefined) =>
    isAvailable === undefined ? undefined : { isAvailable: async () => isAvailable };
  const persona = (persona_type: string) => testPersona({ persona_type });
  const dependencies = {
    catalogue: {
      status: () => status,
      all: () => ['standard', 'standard', 'meta-orchestration'].map(persona),
    },
    asking: { model: server(model), retrieval: server(retrieval) },
  } as unknown as AskPersonaDependencies;
  return createCatalogueHealth(dependencies, async () => database)();
}

test('everything that responds is ok, with and without a model', async () => {
  expect(await healthOf({ status: FRESH, database: 'up', model: true, retrieval: true })).toEqual({
    ...{ status: 'ok', database: 'up', retrieval_engine: 'available', model: 'available' },
    cache: { loaded_at: '2026-01-05T10:00:00.000Z', age_s: 0.25, hit_ratio: 0.5, entries: 3 },
    personas: { total: 3, by_type: { standard: 2, 'meta-orchestration': 1 } },
  });
  expect(await healthOf({ status: FRESH, database: 'up' })).toMatchObject({
    ...{ status: 'ok', retrieval_engine: 'not_configured', model: 'not_configured' },
  });
});

test.each<[string, Partial<Served>, object]>([
  ['database', { database: 'down' }, { database: 'down' }],
  ['model', { model: false }, { model: 'away' }],
  ['retrieval engine', { retrieval: false }, { retrieval_engine: 'away' }],
  ['refresh', { status: { ...FRESH, ageMs: 7_000, isStale: true } }, { cache: { age_s: 7 } }],
])('without its %s the catalogue is degraded', async (_, change, shown) => {
  const health = await healthOf({ status: FRESH, database: 'up', ...change });
  expect(health).toMatchObject({ status: 'degraded', ...shown });
});

test('before it was read the catalogue is starting', async () => {
  const health = await healthOf({ status: { isStale: true, hitRatio: 1 }, database: 'down' });
  expect(health).toMatchObject({ status: 'starting', cache: { loaded_at: null, age_s: null } });
});
