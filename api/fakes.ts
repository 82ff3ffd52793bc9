/** Fakes for tests of REST and gRPC alone: services that return what a test defines, and silent observers. */

import { pino } from 'pino';
import type { Disclose } from '../domain/disclosures/disclosed.ts';
import { createMetrics } from '../platform/metrics.ts';
import { readPolicy } from '../platform/policy.ts';
import type { Services } from '../services/services.ts';
import { insecureAuthentication } from './access/authenticate.ts';
import type { Admission } from './admission.ts';
import type { AppOptions } from './http/app.ts';
import { createObservers, type Observers } from './requests.ts';

/** Services not given by a test throw when called, except for the dependency states, which servers read on their own. */
export function fakeServices(overrides: Partial<Services>): Services {
  const all: Partial<Services> = { dependencyStates: async () => ({}), ...overrides };
  return new Proxy(all, {
    get(target, name) {
      const service = target[name as keyof Services];
      if (service === undefined) throw new Error(`unexpected call of ${String(name)}`);
      return service;
    },
  }) as Services;
}

/** Refuses nothing. */
const admitAll: Admission = Object.assign(() => ({ release() {} }), { beginVerification: () => () => {} });

/** Lets every caller call everything. */
export const openAccess = { admission: admitAll, authentication: insecureAuthentication };

/** Options of an app that has started and is not stopping. */
export const testAppOptions: AppOptions = {
  ...openAccess,
  policy: readPolicy(),
  phase: () => 'running',
};

/** @param write receives each log line @param disclose notes what is given out */
export function silentObservers(
  write: (line: string) => void = () => {},
  disclose: Disclose = () => {},
): Observers {
  return createObservers(pino({ level: 'info' }, { write }), createMetrics(), disclose);
}
