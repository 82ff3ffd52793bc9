/** Metrics and logs of the breaker around a process's charges. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { BreakerState } from '../domain/ports.ts';
import type { Logger } from './logs.ts';

const VALUES: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };

/** @returns to be called with each new state */
export function observeGatewayBreaker(registry: Registry, logger: Logger): (state: BreakerState) => void {
  const registers = [registry];
  const state = new Gauge({
    name: 'persona_gateway_breaker_state',
    help: 'Whether this process sends charges: 0 closed (all), 1 half open (one trial charge), 2 open (none)',
    registers,
  });
  const transitions = new Counter({
    name: 'persona_gateway_breaker_transitions_total',
    help: 'Transitions of the breaker around charges, by new state',
    labelNames: ['to'],
    registers,
  });
  return (to) => {
    state.set(VALUES[to]);
    transitions.inc({ to });
    const fields = { breaker: 'gateway', state: to };
    if (to === 'open') logger.error(fields, 'the payment gateway is failing: charging is paused');
    else if (to === 'half_open')
      logger.info(fields, 'a trial charge tests whether the payment gateway has recovered');
    else logger.info(fields, 'the payment gateway has recovered: charging resumes');
  };
}
