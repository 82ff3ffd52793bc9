/** An export takes no more memory for a long history, over REST and gRPC. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { credentials } from '@grpc/grpc-js';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { PersonaAgentClient } from '../proto/gen/persona/v1/persona_agent.ts';
import { exportCustomer } from '../services/export-customer.ts';
import { customerWithEvents } from '../test/long-history.ts';
import { testGraph } from '../test/test-graph.ts';
import { fakeServices, openAccess, silentObservers, testAppOptions } from './fakes.ts';
import { serveGrpc } from './grpc/server.ts';
import { createApp } from './http/app.ts';
import { serveHttp } from './http/server.ts';

const graph = await testGraph();
/** `npm run test:long` writes 100 000. */
const EVENTS = Number(process.env.PERSONA_EXPORT_EVENTS ?? 15_000);
/** A page is about half a megabyte, and there are copies of it on their way to the client, who is in this process, too. */
const MAX_GROWTH_MB = 8;
/** Between two measurements. */
const BYTES = 500_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
/** Of objects, and of the bytes that are sent and received. */
const usedMb = () => {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
};

const services = fakeServices({ exportCustomer: (caller, ids) => exportCustomer({ graph }, caller, ids) });
const observers = silentObservers();
const local = { host: '127.0.0.1', port: 0 };
let ids: { customer_id: string };

beforeAll(async () => {
  ids = await customerWithEvents(graph, EVENTS);
});

async function* overRest(): AsyncGenerator<Uint8Array> {
  const server = await serveHttp(local, createApp(services, observers, testAppOptions));
  onTestFinished(() => server.close());
  const response = await fetch(`${server.url}/api/v1/customers/${ids.customer_id}/export`);
  if (response.body === null) throw new Error('there is no body');
  yield* response.body;
}

async function* overGrpc(): AsyncGenerator<Uint8Array> {
  const server = await serveGrpc(local, services, observers, openAccess);
  server.setServing();
  onTestFinished(() => server.close());
  const client = new PersonaAgentClient(server.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  for await (const { chunk } of client.exportCustomer(ids)) yield chunk as Uint8Array;
}

test.each([
  ['REST', overRest],
  ['gRPC', overGrpc],
])('over %s an export of a long history needs no more memory than one of its pages', async (_, read) => {
  const decoder = new TextDecoder();
  let [bytes, measuredAt, events, first, peak] = [0, 0, 0, 0, 0];
  let [rest, end] = ['', ''];
  for await (const chunk of read()) {
    bytes += chunk.length;
    const text = rest + decoder.decode(chunk, { stream: true });
    events += text.match(/\{"seq":/g)?.length ?? 0;
    // What may be the beginning of the next match.
    rest = text.slice(Math.max(0, text.lastIndexOf('{')));
    if (rest.startsWith('{"seq":')) rest = '';
    end = text.slice(-10);
    if (bytes - measuredAt < BYTES) continue;
    measuredAt = bytes;
    const used = usedMb();
    if (first === 0) first = used;
    peak = Math.max(peak, used);
  }
  expect(end.trim().endsWith(']}')).toBe(true);
  expect(events).toBe(EVENTS + 1);
  expect(bytes).toBeGreaterThan(EVENTS * 200);
  expect(first).toBeGreaterThan(0);
  expect(peak - first).toBeLessThan(MAX_GROWTH_MB);
});
