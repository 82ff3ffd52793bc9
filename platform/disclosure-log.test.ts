import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { Disclosed } from '../domain/disclosures/disclosed.ts';
import { openDisclosureLog } from './disclosure-log.ts';

const ROUTING: Disclosed = { recipient: 'cerebrum', purpose: 'payment routing', categories: ['profile'] };
const DAY_MS = 24 * 3_600_000;
/** Shortly before midnight, UTC. */
const EVENING = Date.parse('2026-11-24T23:59:58Z');

function logWith({ failing = false }: { failing?: boolean } = {}) {
  const batches: (readonly { customer_id: string; day: string }[])[] = [];
  const registry = new Registry();
  const state = { failing, now: EVENING };
  const warnings: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) });
  const log = openDisclosureLog({
    ...{ registry, logger, now: () => state.now },
    async write(rows) {
      if (state.failing) throw new Error('away');
      batches.push(rows);
    },
  });
  return { log, batches, registry, state, warnings };
}

test('what is given out repeatedly on one day is written once, and once more the next day', async () => {
  const { log, batches, state } = logWith();
  for (let n = 0; n < 1_000; n++) log.disclose('c-1', ROUTING);
  log.disclose('c-2', { ...ROUTING, recipient: 'chimera' });
  expect(batches).toEqual([]);
  await log.flush();
  expect(batches).toEqual([
    [
      { customer_id: 'c-1', day: '2026-11-24', ...ROUTING },
      { customer_id: 'c-2', day: '2026-11-24', ...ROUTING, recipient: 'chimera' },
    ],
  ]);
  log.disclose('c-1', { ...ROUTING });
  await log.flush();
  expect(batches).toHaveLength(1);
  state.now += DAY_MS;
  log.disclose('c-1', ROUTING);
  await log.close();
  expect(batches.at(-1)).toMatchObject([{ customer_id: 'c-1', day: '2026-11-25' }]);
});

test('a peak is written in batches, and what is noted at shutdown while one is being written is written as well', async () => {
  const { log, batches } = logWith();
  for (let n = 0; n < 50_000; n++) log.disclose(`c-${n}`, ROUTING);
  // It begins by itself.
  expect(batches.length).toBeGreaterThan(0);
  log.disclose('last', ROUTING);
  await log.close();
  expect(Math.max(...batches.map((rows) => rows.length))).toBeLessThanOrEqual(5_000);
  expect(new Set(batches.flat().map(({ customer_id }) => customer_id)).size).toBe(50_001);
});

test('while Neo4j is away disclosures wait, up to a limit beyond which they are counted as lost', async () => {
  const { log, batches, registry, state, warnings } = logWith({ failing: true });
  for (let n = 0; n < 100_010; n++) log.disclose(`c-${n}`, ROUTING);
  await log.flush();
  await log.flush();
  expect(await registry.getSingleMetricAsString('persona_disclosures_lost_total')).toMatch(/ 10$/m);
  expect(await registry.getSingleMetricAsString('persona_disclosures_pending')).toMatch(/ 100000$/m);
  expect(warnings).toHaveLength(1);
  state.failing = false;
  await log.close();
  expect(batches.flat()).toHaveLength(100_000);
});
