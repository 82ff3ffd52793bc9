/**
 * The API as separate processes, on real Neo4j and Temporal, with the workers inside the test. The gateway, Chimera and
 * the notifier are fakes: external systems are not under test here.
 */

import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { Client } from '@temporalio/client';
import { execa } from 'execa';
import type { AttachAnswer, GatewayPaymentMethod, PaymentGateway } from '../domain/ports.ts';
import { TaskQueue, type TaskQueueName } from '../domain/workflow-contracts.ts';
import { type Graph, openConfiguredGraph } from '../graph/index.ts';
import { openJournalFile } from '../adapters/erasure-journal/file.ts';
import { createStripeRecords } from '../adapters/stripe/records.ts';
import { readCodecKeys, readGraphEnvironment } from '../platform/environment.ts';
import { readPolicy } from '../platform/policy.ts';
import { IdentityGraphServiceClient } from '../proto/gen/persona/v1/identity_graph.ts';
import { PersonaCatalogueClient } from '../proto/gen/persona/v1/persona_catalogue.ts';
import { PersonaAgentClient } from '../proto/gen/persona/v1/persona_agent.ts';
import { workflowBundle } from '../temporal/bundle.ts';
import { signalRecoveries } from '../temporal/workflow-client.ts';
import { createSweepClient } from '../temporal/sweep-client.ts';
import { createQueueWorker, runWorkers } from '../temporal/worker.ts';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { queueActivities } from '../workers/queues.ts';
import { readReadyLine } from './ready-line.ts';
import { openNamespace } from './rig/server.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Signs the gateway's webhooks. */
export const WEBHOOK_SECRET = 'whsec_test';

export interface ApiProcess {
  http: string;
  grpc: string;
  metrics: string;
  agent: PersonaAgentClient;
  graph: IdentityGraphServiceClient;
  catalogue: PersonaCatalogueClient;
  /** What it has logged so far. */
  log(): string;
  /** Sends SIGTERM. @returns the exit code */
  stop(): Promise<number | undefined>;
}

export interface ApiUnderTest {
  /** The same graph as the processes', for operations without a route. */
  graph: Graph;
  /** A client of the workers' namespace, with the codec. */
  temporal: Client;
  /** @param variables override the defaults of all processes */
  startApi(variables?: Record<string, string>): Promise<ApiProcess>;
  close(): Promise<void>;
}

/** Workers in a dedicated namespace; `startApi` adds API processes. */
export async function openApiUnderTest(): Promise<ApiUnderTest> {
  // A test sees every failure here; the worker's log would only repeat it.
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const defaults = readPolicy();
  // On a busy machine the fake gateway may take longer than a customer should have to wait.
  const policy = { ...defaults, onboarding: { ...defaults.onboarding, verifyWait: 15_000 } };
  // Processes on one graph share one ring of each kind: those of the environment, as in every other test.
  const graph = openConfiguredGraph(readGraphEnvironment(process.env));
  const codecKeys = readCodecKeys(process.env).reveal();
  const server = await openNamespace({ codecKeys, interceptor: {} });
  const bundle = await workflowBundle();
  const activities = queueActivities({
    graph,
    policy,
    gateway: fakeGateway,
    notifier: { deduplicates: true, deliver: async () => {} },
    chimera: {
      initiateBehavioralProfile: async ({ customer_id }) => ({
        baseline_data_ref: `baseline-${customer_id}`,
      }),
      reportSuspectedFraud: async () => {},
      forgetCustomer: async () => {},
    },
    signalRecoveries: (paymentIds, signal, payload) =>
      signalRecoveries(server.client, paymentIds, signal, payload),
    ...createSweepClient(server.client),
    countContestReminder: () => {},
    countCards: () => {},
    countRemoved: () => {},
    followChange: async () => {},
    records: createStripeRecords({ apiKey: 'sk_test_1' }),
    journal: openJournalFile(process.env.PERSONA_ERASURE_JOURNAL ?? ''),
    now: Date.now,
  });
  const workers = await Promise.all(
    Object.values<TaskQueueName>(TaskQueue).map((queue) =>
      createQueueWorker({
        connection: server.connection,
        namespace: server.namespace,
        queue,
        activities: activities[queue],
        bundle,
        codecKeys,
        debugMode: true,
      }),
    ),
  );
  const running = runWorkers(workers);
  const processes: ApiProcess[] = [];

  const environment = { TEMPORAL_NAMESPACE: server.namespace };
  return {
    graph,
    temporal: server.client,
    async startApi(variables) {
      const started = await startApiProcess({ ...environment, ...variables });
      processes.push(started);
      return started;
    },
    async close() {
      await Promise.all(processes.map((process) => process.stop()));
      await running.stop();
      await server.close();
      await graph.close();
    },
  };
}

/** Runs `api/main.ts` on free ports and waits until it reports that it is ready. */
export async function startApiProcess(variables: Record<string, string>): Promise<ApiProcess> {
  const child = spawnApi({
    PERSONA_INSECURE: '1',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    ...variables,
  });
  let log = '';
  child.stderr.on('data', (text: Buffer) => (log += text.toString()));
  const { http, grpc, metrics } = await readReadyLine(child);
  const agent = new PersonaAgentClient(grpc, credentials.createInsecure());
  const graph = new IdentityGraphServiceClient(grpc, credentials.createInsecure());
  const catalogue = new PersonaCatalogueClient(grpc, credentials.createInsecure());
  return {
    http,
    grpc,
    metrics,
    agent,
    graph,
    catalogue,
    log: () => log,
    async stop() {
      agent.close();
      graph.close();
      catalogue.close();
      child.kill('SIGTERM');
      return (await child).exitCode;
    },
  };
}

/** Spawns the process on free ports; other variables are taken from the environment and from `variables`. */
export function spawnApi(variables: Record<string, string>) {
  return execa(process.execPath, ['api/main.ts'], {
    cwd: ROOT,
    env: {
      NODE_ENV: 'test',
      LOG_LEVEL: 'error',
      HTTP_PORT: '0',
      GRPC_PORT: '0',
      METRICS_PORT: '0',
      ...variables,
    },
    stdin: 'ignore',
    reject: false,
    forceKillAfterDelay: false,
  });
}

/**
 * One call, by the rpc's name.
 *
 * @param client a generated client
 */
export function unaryCall<Response = Record<string, unknown>>(
  client: object,
  rpc: string,
  request: object,
  options: { metadata?: Record<string, string>; deadlineMs?: number } = {},
): Promise<Response> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  const deadline = Date.now() + (options.deadlineMs ?? 20_000);
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, response: Response) =>
      error ? reject(error) : resolve(response);
    (client as Record<string, (...args: unknown[]) => unknown>)[rpc]?.(request, metadata, { deadline }, done);
  });
}

/** The methods attached at the fake gateway, by token. */
const attached = new Map<string, GatewayPaymentMethod>();

/** Attaches methods unless the token contains `declined`; approves charges unless the payment's id contains `doubt`. */
const fakeGateway: PaymentGateway = {
  charge: async ({ payment_id }) =>
    payment_id.includes('doubt')
      ? { result: 'unknown', reason: 'no response in time' }
      : { result: 'approved', gateway_ref: `pi_${randomUUID()}`, charge_ref: `ch_${randomUUID()}` },
  getDispute: async () => undefined,
  getFraudWarning: async () => undefined,
  readPayment: async () => undefined,
  paymentsOf: async () => [],
  cancelPayment: async () => 'cancelled',
  findCharge: async () => ({ result: 'absent' }),
  refundCharge: () => Promise.reject(new Error('no refund is expected here')),
  refundsOf: async () => [],
  getPaymentMethod: async (token) => attached.get(token),
  async updatePaymentMethod({ token, ...date }) {
    const method = attached.get(token);
    if (method === undefined) return 'not_attached';
    attached.set(token, { ...method, ...date });
    return 'updated';
  },
  deleteCustomer: async () => 'deleted',
  detachPaymentMethod: async (token) => (attached.delete(token) ? 'detached' : 'not_attached'),
  getMandate: async () => undefined,
  createCustomer: async ({ customer_id }) => ({ gateway_customer_ref: `cus_${customer_id}` }),
  ownerOf: async () => undefined,
  async attachPaymentMethod({ token, gateway_customer_ref }): Promise<AttachAnswer> {
    if (token.includes('declined'))
      return { result: 'refused', reason: 'declined', codes: { decline_code: 'generic_decline' } };
    const method: GatewayPaymentMethod = {
      token,
      type: 'card',
      gateway_customer_ref,
      brand: 'visa',
      network: 'visa',
      last_four: '4242',
      expiry_month: 12,
      expiry_year: 2034,
      funding: 'credit',
      country: 'DE',
      instrument_fingerprint: randomUUID(),
    };
    attached.set(token, method);
    return { result: 'attached', method };
  },
};
