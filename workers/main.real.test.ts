/** The worker as a process: its output when it is ready, its errors when it cannot start, and its shutdown. */

import { randomBytes, randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { execa } from 'execa';
import getPort from 'get-port';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectTemporal } from '../temporal/client.ts';
import { startTcpProxy } from '../test/faults/proxy.ts';
import { readReadyLine } from '../test/ready-line.ts';
import { eventually } from '../test/rig/index.ts';

const { INDEXED_VALUE_TYPE_INT } = proto.temporal.api.enums.v1.IndexedValueType;
const address = process.env.TEMPORAL_ADDRESS ?? '';

// A worker may take two minutes to start on a busy machine, and some tests start three.
vi.setConfig({ testTimeout: 6 * 60_000 });

function startWorker(args: string[], changes: Record<string, string> = {}) {
  const env = {
    // Another's Kafka would make this worker publish the log.
    KAFKA_BROKERS: '',
    STRIPE_API_KEY: 'sk_test_1',
    STRIPE_API_BASE: 'http://127.0.0.1:1',
    NOTIFY_WEBHOOK_URL: 'http://127.0.0.1:1',
    NOTIFY_WEBHOOK_SECRET: 'secret',
    CHIMERA_ADDRESS: '127.0.0.1:1',
    METRICS_PORT: '0',
    ...changes,
  };
  const worker = execa(process.execPath, ['workers/main.ts', ...args], {
    cwd: new URL('..', import.meta.url),
    env,
    stdin: 'ignore',
    reject: false,
    forceKillAfterDelay: false,
  });
  onTestFinished(() => void worker.kill('SIGKILL'));
  return worker;
}

/** What the worker has logged so far. */
function logOf(worker: ReturnType<typeof startWorker>): () => string {
  let text = '';
  worker.stderr.on('data', (bytes) => {
    text += bytes;
  });
  return () => text;
}

async function ownNamespace(): Promise<{ client: Client; namespace: string }> {
  const namespace = `worker-${randomUUID()}`;
  const codecKeys = [{ id: 'k', key: randomBytes(32) }];
  const root = await connectTemporal({ address, namespace: 'default', codecKeys });
  onTestFinished(() => root.connection.close());
  const workflowExecutionRetentionPeriod = msToTs('1 day');
  await root.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
  return { client: root, namespace };
}

test('reports when it polls, serves metrics in seconds, and drains on SIGTERM', async () => {
  const { namespace } = await ownNamespace();
  const worker = startWorker([], { TEMPORAL_NAMESPACE: namespace });
  const { queues, metrics } = await readReadyLine(worker);
  expect(queues).toEqual([
    'persona-onboarding',
    'persona-recovery',
    'persona-gateway',
    'persona-gateway-requests',
    'persona-notices',
    'persona-chimera',
    'persona-fraud',
    'persona-expiry',
    'persona-maintenance',
    'persona-reconciliation',
  ]);

  await eventually(async () => {
    const text = await (await fetch(metrics)).text();
    expect(text).toMatch(/^temporal_num_pollers\{.*task_queue="persona-onboarding"/m);
    expect(text).toMatch(/^process_cpu_seconds_total/m);
    expect(text).toMatch(/^temporal_request_latency_seconds_bucket/m);
    expect(text).toMatch(/^persona_graph_pool_connections_max \d+$/m);
  });
  const ready = await fetch(new URL('/readyz', metrics));
  const up = Object.fromEntries(queues.map((queue: string) => [queue, 'up']));
  expect([ready.status, await ready.json()]).toEqual([
    200,
    { status: 'ready', dependencies: { neo4j: 'up', temporal: 'up', ...up } },
  ]);
  expect((await fetch(new URL('/healthz', metrics))).status).toBe(200);
  worker.kill('SIGTERM');
  const { exitCode, stdout, stderr } = await worker;
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(/"msg":"stopped"/);
  expect(stdout.split('\n')).toHaveLength(1);
  // A queue without workflows is no reason for a warning. On a busy machine Redis may respond too late, which is one.
  const [whileRunning = ''] = stderr.split('"msg":"stopping"');
  const warnings = whileRunning.split('\n').filter((line) => line.includes('"level":"warn"'));
  expect(warnings.filter((line) => !line.includes('redis'))).toEqual([]);
});

test('polls only the given queues', async () => {
  const { namespace } = await ownNamespace();
  const worker = startWorker(['--queues', 'persona-gateway'], { TEMPORAL_NAMESPACE: namespace });
  const { queues } = await readReadyLine(worker);
  expect(queues).toEqual(['persona-gateway']);
});

test('refuses an unknown queue, and lists the known ones', async () => {
  const worker = await startWorker(['--queues', 'persona-gateway,persona-nothing']);
  expect(worker.exitCode).toBe(1);
  expect(worker.stderr).toMatch(
    /'persona-nothing'.*persona-onboarding, persona-recovery, persona-gateway, persona-gateway-requests, persona-notices, persona-chimera, persona-fraud, persona-expiry, persona-maintenance, persona-reconciliation/,
  );
  expect(worker.stdout).toBe('');
});

test('without Kafka a worker that publishes is degraded, and otherwise works', async () => {
  const { client, namespace } = await ownNamespace();
  const worker = startWorker(['--queues', 'persona-relay,persona-gateway'], {
    ...{ TEMPORAL_NAMESPACE: namespace, KAFKA_BROKERS: `127.0.0.1:${await getPort()}` },
  });
  const { queues, metrics } = await readReadyLine(worker);
  expect(queues).toEqual(['persona-gateway', 'persona-relay']);
  const response = await fetch(new URL('/readyz', metrics));
  expect([response.status, await response.json()]).toEqual([
    200,
    {
      status: 'degraded',
      dependencies: {
        neo4j: 'up',
        temporal: 'up',
        'persona-gateway': 'up',
        'persona-relay': 'up',
        kafka: 'down',
      },
    },
  ]);
  const text = await (await fetch(metrics)).text();
  expect(text).toMatch(/^persona_outbox_blocked_streams 0$/m);
  expect(text).toMatch(/^persona_projection_lag_seconds\{projection="timeline"\} 0$/m);
  // The relay tries again and again, and says why it cannot.
  await eventually(async () => {
    const { pendingActivities } = await client.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId: 'outbox-relay' },
    });
    const [activity] = pendingActivities ?? [];
    expect(activity?.activityType?.name).toBe('relayEvents');
    expect(activity?.attempt).toBeGreaterThan(1);
    expect(activity?.lastFailure?.applicationFailureInfo?.type).toBe('kafka_unavailable');
  });
  worker.kill('SIGTERM');
  expect((await worker).exitCode).toBe(0);
});

test('the relay’s queue is refused without Kafka', async () => {
  const worker = await startWorker(['--queues', 'persona-relay']);
  expect(worker.exitCode).toBe(1);
  expect(worker.stderr).toMatch(/persona-relay.*KAFKA_BROKERS is not set/);
});

test('does not start polling if a search attribute cannot be registered', async () => {
  const { client, namespace } = await ownNamespace();
  await eventually(() =>
    client.connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: { PersonaState: INDEXED_VALUE_TYPE_INT },
    }),
  );
  const worker = await startWorker([], { TEMPORAL_NAMESPACE: namespace });
  expect(worker.exitCode).toBe(1);
  expect(worker.stderr).toMatch(/PersonaState.*another type/);
  expect(worker.stdout).toBe('');
});

test.each(['PERSONA_KEYS', 'PERSONA_BLIND_KEYS', 'TEMPORAL_CODEC_KEYS'])(
  'does not start if running processes have another key in %s',
  async (variable) => {
    const { namespace } = await ownNamespace();
    const first = startWorker(['--queues', 'persona-gateway'], { TEMPORAL_NAMESPACE: namespace });
    await readReadyLine(first);
    const other = `other:${randomBytes(32).toString('base64')}`;
    for (const [ring, problem] of [
      [other, `${variable} lacks the key`],
      [`${other},${process.env[variable]}`, `${variable} starts with the key other`],
    ] as const) {
      const worker = await startWorker(['--queues', 'persona-gateway'], { [variable]: ring });
      expect(worker.exitCode).toBe(78);
      expect(worker.stderr).toContain(problem);
    }
  },
);

test.each([
  ['neo4j', 'NEO4J_URI', 'Neo4j'],
  ['temporal', 'TEMPORAL_ADDRESS', 'Temporal'],
] as const)('waits for %s, says so, and polls once it is there', async (dependency, variable, name) => {
  const [port, metricsPort] = await Promise.all([getPort(), getPort()]);
  const target = new URL(`tcp://${process.env[variable]?.replace('bolt://', '')}`).host;
  const own = `${variable === 'NEO4J_URI' ? 'bolt://' : ''}127.0.0.1:${port}`;
  const { namespace } = await ownNamespace();
  const worker = startWorker(['--queues', 'persona-gateway'], {
    ...{ [variable]: own, METRICS_PORT: String(metricsPort), TEMPORAL_NAMESPACE: namespace },
  });
  const log = logOf(worker);
  const url = (path: string) => `http://127.0.0.1:${metricsPort}${path}`;
  const readiness = async () => {
    const response = await fetch(url('/readyz')).catch(() => undefined);
    return [response?.status, await response?.json()];
  };
  const dependencies = { neo4j: 'up', temporal: 'up', [dependency]: 'down' };
  await expect.poll(readiness).toEqual([503, { status: 'starting', dependencies }]);
  expect((await fetch(url('/healthz'))).status).toBe(200);
  await expect
    .poll(log)
    .toMatch(new RegExp(`"level":"warn".*"waiting_for":"${name}".*"reason":".*${variable}`));
  const proxy = await startTcpProxy(target, port);
  onTestFinished(() => proxy.close());
  expect((await readReadyLine(worker)).queues).toEqual(['persona-gateway']);
  expect((await readiness())[0]).toBe(200);
  worker.kill('SIGTERM');
  expect((await worker).exitCode).toBe(0);
});

test.each([
  ['NEO4J_URI', 'bolt://127.0.0.1:1', 'Neo4j'],
  ['TEMPORAL_ADDRESS', '127.0.0.1:1', 'Temporal'],
])('ends cleanly on SIGTERM while it waits: %s', async (variable, value, name) => {
  const worker = startWorker([], { [variable]: value });
  await expect.poll(logOf(worker)).toContain(`"msg":"waiting for ${name}"`);
  worker.kill('SIGTERM');
  const { exitCode, stdout } = await worker;
  expect([exitCode, stdout]).toEqual([0, '']);
});

test.each([
  ['NEO4J_USERNAME', 'unknown', /Neo4j rejected the credentials: check NEO4J_USERNAME/],
  ['TEMPORAL_NAMESPACE', 'missing', /has no namespace 'missing'.*temporal operator namespace create/],
])('does not wait for what only a change of %s can help', async (variable, value, message) => {
  const worker = await startWorker([], { [variable]: value });
  expect(worker.exitCode).toBe(1);
  expect(worker.stderr).toMatch(message);
  // One message for an operator, no stack trace.
  expect(worker.stderr).not.toMatch(/^ {4}at /m);
});
