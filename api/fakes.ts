/** Stand-ins for tests of the faces alone: services that answer what a test says, and observers that say nothing. */

import { pino } from 'pino';
import { createMetrics } from '../platform/metrics.ts';
import { readPolicy } from '../platform/policy.ts';
import type { Services } from '../services/services.ts';
import type { AppOptions } from './http/app.ts';
import { createObservers, type Observers } from './requests.ts';

/** Every service that a test does not give fails loudly; servers look after their dependencies by themselves. */
export function fakeServices(overrides: Partial<Services>): Services {
  const all: Partial<Services> = { dependencyStates: async () => ({}), ...overrides };
  return new Proxy(all, {
    get(target, name) {
      const service = target[name as keyof Services];
      if (service === undefined) throw new Error(`the test expects no call of ${String(name)}`);
      return service;
    },
  }) as Services;
}

/** Of an app that stays. */
export const testAppOptions: AppOptions = {
  rateLimits: { customer: 0, service: 0 },
  policy: readPolicy(),
  isStopping: () => false,
};

/** @param write gets each log line */
export function silentObservers(write: (line: string) => void = () => {}): Observers {
  return createObservers(pino({ level: 'info' }, { write }), createMetrics());
}
