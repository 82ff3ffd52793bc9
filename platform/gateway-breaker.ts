/** What a process measures and logs of the breaker around its charges. */

import { Counter, Gauge, type Registry } from 'prom-client';
import type { BreakerState } from '../domain/ports.ts';
import type { Logger } from './logs.ts';

const VALUES: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };

/** @returns takes each new state */
export function observeGatewayBreaker(registry: Registry, logger: Logger): (state: BreakerState) => void {
  const registers = [registry];
  const state = new Gauge({
    name: 'persona_gateway_breaker_state',
    help: 'Whether this process sends charges: 0 closed (it does), 1 half open (one on trial), 2 open (none)',
    registers,
  });
  const transitions = new Counter({
    name: 'persona_gateway_breaker_transitions_total',
    help: 'Changes of the breaker around charges, by the state that it changed to',
    labelNames: ['to'],
    registers,
  });
  return (to) => {
    state.set(VALUES[to]);
    transitions.inc({ to });
    const fields = { breaker: 'gateway', state: to };
    if (to === 'open') logger.error(fields, 'the payment gateway fails: charging is paused');
    else if (to === 'half_open')
      logger.info(fields, 'one charge tries whether the payment gateway works again');
    else logger.info(fields, 'the payment gateway works again: charging goes on');
  };
}
