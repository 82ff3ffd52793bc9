import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { observeGatewayBreaker } from './gateway-breaker.ts';
import type { Logger } from './logs.ts';

test('each transition of the breaker sets the gauge, is counted and is logged', async () => {
  const registry = new Registry();
  const lines: unknown[] = [];
  const line = (level: string) => (fields: object) => void lines.push({ level, ...fields });
  const logger = { error: line('error'), info: line('info') } as unknown as Logger;
  const changed = observeGatewayBreaker(registry, logger);
  expect(await registry.metrics()).toContain('persona_gateway_breaker_state 0');
  for (const state of ['open', 'half_open', 'open'] as const) changed(state);
  expect(await registry.metrics()).toContain('persona_gateway_breaker_state 2');
  changed('half_open');
  expect(await registry.metrics()).toContain('persona_gateway_breaker_state 1');
  changed('closed');
  const text = await registry.metrics();
  expect(text).toContain('persona_gateway_breaker_state 0');
  expect(text).toContain('persona_gateway_breaker_transitions_total{to="open"} 2');
  expect(text).toContain('persona_gateway_breaker_transitions_total{to="closed"} 1');
  expect(lines).toEqual(
    ['open', 'half_open', 'open', 'half_open', 'closed'].map((state) => ({
      level: state === 'open' ? 'error' : 'info',
      breaker: 'gateway',
      state,
    })),
  );
});
