/** Memory does not grow with the length of a customer's history. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createCustomer } from '../graph/index.ts';
import { excludeFromVerification, runCypher, testGraph, testHeader } from '../test/test-graph.ts';
import { exportCustomer } from './export-customer.ts';

const graph = await testGraph();
/** `npm run test:long` writes 100 000. */
const EVENTS = Number(process.env.PERSONA_EXPORT_EVENTS ?? 15_000);
const AT_ONCE = 5_000;
/** A page is about half a megabyte. */
const MAX_GROWTH_MB = 5;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heapMb = () => {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1e6;
};

// As appended for `LoginRecorded`.
const ADD_LOGINS = `
  MATCH (c:Customer {id: $customer_id})
  WITH c, c.version AS version, datetime() AS now
  SET c.version = version + $count
  WITH c, version, now
  UNWIND range(1, $count) AS n
  CREATE (:PersonaEvent {
    id: randomUUID(), stream: 'customer', stream_id: c.id, seq: version + n, type: 'LoginRecorded', schema_version: 1,
    occurred_at: now, recorded_at: now, source: 'test', actor: 'test', correlation_id: 'test',
    data: '{"device_id":"' + randomUUID() + '","login_count":' + toString(n) + ',"last_login":"2026-01-01T00:00:00.000Z","proven":true}'
  })`;

test('an export of a long history needs no more memory than one of its pages', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  excludeFromVerification(graph, customer_id);
  for (let written = 0; written < EVENTS; written += AT_ONCE)
    await runCypher(graph, ADD_LOGINS, { customer_id, count: AT_ONCE });

  const { signal } = new AbortController();
  const { parts } = await exportCustomer({ graph }, { signal }, { customer_id });
  let [megabytes, events, first, peak] = [0, 0, 0, 0];
  for await (const part of parts) {
    megabytes += part.length / 1e6;
    events += part.match(/\{"seq":/g)?.length ?? 0;
    if (part.length < 100_000) continue;
    const used = heapMb();
    if (first === 0) first = used;
    peak = Math.max(peak, used);
  }
  expect(events).toBe(EVENTS + 1);
  expect(megabytes).toBeGreaterThan(EVENTS / 5_000);
  expect(first).toBeGreaterThan(0);
  expect(peak - first).toBeLessThan(MAX_GROWTH_MB);
});
