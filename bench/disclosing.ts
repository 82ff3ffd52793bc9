/** What it costs a cached read that it is noted as a disclosure. */

import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createDisclosing } from '../api/access/disclosing.ts';
import type { Identity } from '../api/access/identity.ts';
import { openDisclosureLog } from '../platform/disclosure-log.ts';

const RPC = 'GetCustomerContext';
const CALLS = 200_000;

/**
 * By the API's own functions, of customers whose disclosure of today is written, as of nearly all reads that a cache answers.
 * @returns measures once: microseconds of processor time per call
 */
export async function openDisclosingMeasure(customers: number): Promise<() => number> {
  const log = openDisclosureLog({
    ...{ write: async () => {}, registry: new Registry(), logger: pino({ enabled: false }) },
  });
  const disclosing = createDisclosing(log.disclose);
  const identity: Identity = { name: 'agent:cerebrum', grants: new Set(['cerebrum']) };
  const requests = Array.from({ length: customers }, () => ({ customer_id: randomUUID() }));
  const call = (n: number) => disclosing.rpc(identity, RPC, requests[n % customers] ?? {});
  for (let n = 0; n < CALLS; n += 1) call(n);
  await log.close();
  return () => {
    const before = process.cpuUsage();
    for (let n = 0; n < CALLS; n += 1) call(n);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / CALLS;
  };
}
