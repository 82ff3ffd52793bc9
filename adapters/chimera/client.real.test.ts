import { randomUUID } from 'node:crypto';
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ChimeraSimulator, startChimeraSimulator } from '../../dev/simulators/chimera/server.ts';
import { ChimeraAgentService } from '../../proto/gen/chimera/v1/chimera.ts';
import { type ChimeraClient, createChimeraClient } from './client.ts';

let simulator: ChimeraSimulator;
let chimera: ChimeraClient;

beforeEach(async () => {
  simulator = await startChimeraSimulator();
  chimera = createChimeraClient({ address: simulator.grpc });
});
afterEach(async () => {
  vi.useRealTimers();
  await chimera.close();
  await simulator.close();
});

interface Call {
  at: string;
  rpc: string;
  request: object;
}

const calls = async () =>
  ((await (await fetch(`${simulator.control}/_sim/calls`)).json()) as { data: Call[] }).data;
const setMode = async (body: unknown) =>
  (await fetch(`${simulator.control}/_sim/mode`, { method: 'PUT', body: JSON.stringify(body) })).status;

const report = () => ({
  event_id: randomUUID(),
  customer_id: 'c1',
  payment_method_id: 'pm1',
  payment_id: 'inv_1',
  code: 'stolen_card',
  occurred_at: '2026-03-04T10:00:00.000Z',
});

test('starts a profile and reports suspected fraud', async () => {
  const profile = await chimera.initiateBehavioralProfile({ customer_id: 'c1', snapshot: '{"pace":3}' });
  expect(profile).toEqual({ baseline_data_ref: 'chimera:profile:c1' });
  const { code: _, ...withoutCode } = report();
  const sent = [report(), withoutCode];
  for (const each of sent) await chimera.reportSuspectedFraud(each);
  expect(await calls()).toEqual([
    {
      at: expect.stringMatching(/Z$/),
      rpc: 'InitiateBehavioralProfile',
      request: { customer_id: 'c1', snapshot: '{"pace":3}' },
    },
    ...sent.map((request) => ({ at: expect.any(String), rpc: 'ReportSuspectedFraud', request })),
  ]);
});

test('a profile without a reference is an error that is worth a retry', async () => {
  const server = new Server();
  const nameless: handleUnaryCall<unknown, { baseline_data_ref: string }> = (_, done) =>
    done(null, { baseline_data_ref: ' ' });
  server.addService(ChimeraAgentService, { initiateBehavioralProfile: nameless });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, taken) =>
      error === null ? resolve(taken) : reject(error),
    );
  });
  const client = createChimeraClient({ address: `127.0.0.1:${port}` });
  await expect(client.initiateBehavioralProfile({ customer_id: 'c1', snapshot: '{}' })).rejects.toMatchObject(
    { type: 'chimera_unavailable', message: expect.stringContaining('returned no reference') },
  );
  await client.close();
  server.forceShutdown();
});

test('when unavailable, reports it, stops calling after five failures and retries ten seconds later', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  expect(await setMode({ mode: 'away' })).toBe(200);
  for (let n = 0; n < 5; n += 1) {
    await expect(chimera.reportSuspectedFraud(report())).rejects.toMatchObject({
      type: 'chimera_unavailable',
      message: expect.stringMatching(/set to unavailable.*CHIMERA_ADDRESS/),
    });
  }
  expect(await setMode({ mode: 'ok' })).toBe(200);
  await expect(chimera.reportSuspectedFraud(report())).rejects.toMatchObject({
    type: 'chimera_unavailable',
    message: expect.stringContaining('calls are suspended'),
  });
  expect(await calls()).toEqual([]);
  vi.setSystemTime(Date.now() + 10_001);
  await chimera.reportSuspectedFraud(report());
  expect(await calls()).toHaveLength(1);
});

test('a slow call ends at its deadline', { timeout: 60_000 }, async () => {
  expect(await setMode({ slow_ms: 60_000 })).toBe(200);
  const began = performance.now();
  await expect(chimera.reportSuspectedFraud(report())).rejects.toMatchObject({ type: 'chimera_unavailable' });
  expect(performance.now() - began).toBeGreaterThan(4900);
});

const trustedDevice = { customer_id: 'c1', device_id: 'd1', trust_score: 0.9 };

test('reports a trusted device', async () => {
  await chimera.notifyTrustedDevice(trustedDevice);
  expect(await calls()).toEqual([
    { at: expect.any(String), rpc: 'NotifyTrustedDevice', request: trustedDevice },
  ]);
});

test('while Chimera hangs, a hundred reports of trusted devices wait for it, and closing waits for them', async () => {
  expect(await setMode({ slow_ms: 60_000 })).toBe(200);
  let ended = 0;
  const ending = Array.from({ length: 100 }, () =>
    chimera.notifyTrustedDevice(trustedDevice).then(
      () => 'confirmed',
      () => (ended += 1),
    ),
  );
  await expect(chimera.notifyTrustedDevice(trustedDevice)).rejects.toMatchObject({
    type: 'chimera_unavailable',
    message: expect.stringContaining('100 reports of trusted devices are in flight'),
  });
  expect(ended).toBe(0);
  const began = performance.now();
  await chimera.close();
  expect(ended).toBe(100);
  // They end at their own deadline, long before that of other calls.
  expect(performance.now() - began).toBeLessThan(4900);
  await Promise.all(ending);
});

test('an unreachable Chimera is reported with its address', async () => {
  const nowhere = createChimeraClient({ address: '127.0.0.1:1' });
  await expect(nowhere.reportSuspectedFraud(report())).rejects.toMatchObject({
    type: 'chimera_unavailable',
    message: expect.stringContaining('127.0.0.1:1 '),
  });
  await nowhere.close();
});

test.each([[{ mode: 'sleepy' }], [{ slow_ms: 'long' }], [{}]])('mode %j is refused', async (body) => {
  expect(await setMode(body)).toBe(400);
});
