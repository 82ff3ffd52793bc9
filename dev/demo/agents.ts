/**
 * The external systems and people: checkout, Chimera, Cerebrum, Synapse, operators and the customer. Each uses only the
 * interface that it has in production: gRPC, its own Temporal client, or REST.
 */

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { agentCredentials, channelOptions, fetchAs, type RunCaller } from '../../platform/run-access.ts';
import type { RunFile } from '../../platform/run-file.ts';
import {
  type GetCustomerContextResponse,
  type GetRecoveryResponse,
  PersonaAgentClient,
} from '../../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';

const DEADLINE_MS = 15_000;
/** Allows for a worker that is busy with charges. */
const SCHEDULE_MS = 60_000;

const Status = proto.temporal.api.enums.v1.WorkflowExecutionStatus;

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** The result of an onboarding, as REST returns it. */
export interface OnboardingResult {
  customer_id: string;
  payment_method_id: string;
  payment_method_status: string;
  device_id: string;
  warnings: string[];
}

export interface Agents {
  /** Checkout, over REST. */
  onboard(request: object): Promise<OnboardingResult>;
  /** Chimera, over gRPC. */
  updateTrust(device_id: string, trust_score: number): Promise<void>;
  /** Cerebrum, over gRPC. */
  getContext(customer_id: string): Promise<GetCustomerContextResponse>;
  /** Synapse, by a signal from its own Temporal client, which does not have Persona's encryption keys. */
  signalPaymentFailed<Failure extends { payment_id: string }>(
    failure: Failure,
  ): Promise<{ workflowId: string }>;
  /** Any agent, over gRPC. */
  getRecovery(payment_id: string): Promise<GetRecoveryResponse | undefined>;
  /** The customer, over REST. */
  addCard(customer_id: string, card: { token: string }): Promise<{ payment_method_id: string }>;
  /** An operator, who starts a complete reconciliation now. */
  reconcile(id: string): Promise<void>;
  /** Chimera, over REST. */
  reportFraud(outcome: object): Promise<void>;
  /** An operator, by the signal to the fraud case's process that persona reinstate sends. */
  reinstate(case_id: string, reason: string): Promise<{ workflowId: string }>;
  /** The customer's timeline over REST, oldest first. */
  timeline(customer_id: string): Promise<string[]>;
  /** @param runId absent: the newest run */
  fetchHistory(workflowId: string, runId?: string): Promise<History>;
  /** An operator, by a query in Temporal's list filter. @returns the ids found */
  findWorkflows(query: string): Promise<string[]>;
  /** An operator, by triggering the schedule; waits for the end of the run. */
  runSchedule(id: string): Promise<{ workflowId: string }>;
  close(): Promise<void>;
}

const NOT_FOUND = 5;
const RETRYABLE = [503, 504];
const MAX_REPEATS = 5;

export async function connectAgents(addresses: RunFile): Promise<Agents> {
  const { auth, http } = addresses;
  const clientOf = (role: string) =>
    new PersonaAgentClient(addresses.grpc, agentCredentials(auth, role), channelOptions(auth));
  const [cerebrum, chimera, synapseAgent] = ['cerebrum', 'chimera', 'synapse'].map(clientOf) as [
    PersonaAgentClient,
    PersonaAgentClient,
    PersonaAgentClient,
  ];
  async function post<T>(caller: RunCaller, path: string, body: object): Promise<T> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const send = () =>
      fetchAs(auth, caller, `${http}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    let response = await send();
    // The first of everything may take longer than an answer may. A repeat under the same keys does nothing twice.
    for (let n = 0; n < MAX_REPEATS && RETRYABLE.includes(response.status); n += 1) response = await send();
    const answer = await response.text();
    if (!response.ok) throw new Error(`POST ${path} returned ${response.status}: ${answer}`);
    return JSON.parse(answer) as T;
  }
  const connection = await Connection.connect({ address: addresses.temporal });
  const synapse = new Client({ connection, namespace: addresses.temporal_namespace });

  return {
    onboard: (request) => post<OnboardingResult>({ role: 'checkout' }, '/api/v1/customers', request),
    async updateTrust(device_id, trust_score) {
      const request = { device_id, trust_score, observed_at: new Date() };
      await call<unknown>((deadline, done) =>
        chimera.updateDeviceTrustScore(request, new Metadata(), deadline, done),
      );
    },
    getContext: (customer_id) =>
      call((deadline, done) => {
        const request = {
          customer_id,
          transaction_id: randomUUID(),
          consistency: Consistency.CONSISTENCY_STRONG,
          min_version: 0n,
        };
        cerebrum.getCustomerContext(request, new Metadata(), deadline, done);
      }),
    async signalPaymentFailed(failure) {
      const handle = await synapse.workflow.signalWithStart('recoverPayment', {
        workflowId: `recovery:${failure.payment_id}`,
        taskQueue: 'persona-recovery',
        args: [{ payment_id: failure.payment_id }],
        signal: 'paymentFailed',
        signalArgs: [failure],
      });
      return { workflowId: handle.workflowId };
    },
    getRecovery: (payment_id) =>
      call<GetRecoveryResponse>((deadline, done) =>
        synapseAgent.getRecovery({ payment_id }, new Metadata(), deadline, done),
      ).catch((error: ServiceError) => {
        if (error.code === NOT_FOUND) return undefined;
        throw error;
      }),
    addCard: (customer_id, card) =>
      post({ customer_id }, `/api/v1/customers/${customer_id}/payment-methods`, {
        type: 'card',
        token: card.token,
        off_session_consent: true,
      }),
    async reconcile(id) {
      await synapse.workflow.start('reconcilePaymentMethods', {
        workflowId: `payment-method-reconciliation:${id}`,
        taskQueue: 'persona-maintenance',
        args: [{ all: true }],
      });
    },
    async reportFraud(outcome) {
      await post({ role: 'chimera' }, '/internal/v1/fraud-outcomes', outcome);
    },
    async reinstate(case_id, reason) {
      const { workflowId } = await synapse.workflow.signalWithStart('applyFraudOutcome', {
        workflowId: `fraud-case:${case_id}`,
        taskQueue: 'persona-fraud',
        args: [{ case_id }],
        signal: 'reinstate',
        signalArgs: [{ actor: 'the demo', reason }],
      });
      return { workflowId };
    },
    async timeline(customer_id) {
      const url = `${http}/api/v1/customers/${customer_id}/timeline?limit=100`;
      const response = await fetchAs(auth, { customer_id }, url);
      if (!response.ok) throw new Error(`the timeline returned ${response.status}: ${await response.text()}`);
      const { items } = (await response.json()) as { items: { text: string }[] };
      return items.map(({ text }) => text).reverse();
    },
    fetchHistory: (workflowId, runId) => synapse.workflow.getHandle(workflowId, runId).fetchHistory(),
    async findWorkflows(query) {
      const found: string[] = [];
      for await (const { workflowId } of synapse.workflow.list({ query })) found.push(workflowId);
      return found;
    },
    async runSchedule(id) {
      const namespace = addresses.temporal_namespace;
      // Not by the client, which would decode all of the schedule and of its runs: their memo is encrypted.
      const { workflowService } = connection;
      const newest = async () => {
        const { info } = await workflowService.describeSchedule({ namespace, scheduleId: id });
        return info?.recentActions?.at(-1)?.startWorkflowResult;
      };
      const before = (await newest())?.runId;
      await synapse.schedule.getHandle(id).trigger();
      for (const limit = Date.now() + SCHEDULE_MS; Date.now() < limit; await setTimeout(100)) {
        const execution = await newest();
        if (!execution?.workflowId || execution.runId === before) continue;
        const { workflowExecutionInfo } = await workflowService.describeWorkflowExecution({
          namespace,
          execution,
        });
        const status = workflowExecutionInfo?.status;
        if (status === Status.WORKFLOW_EXECUTION_STATUS_COMPLETED)
          return { workflowId: execution.workflowId };
        if (status !== Status.WORKFLOW_EXECUTION_STATUS_RUNNING)
          throw new Error(`the run of schedule ${id} has status ${status}`);
      }
      throw new Error(`the schedule ${id} did not run within ${SCHEDULE_MS / 1000} s`);
    },
    async close() {
      for (const client of [cerebrum, chimera, synapseAgent]) client.close();
      await connection.close();
    },
  };
}

type UnaryCallback<T> = (error: ServiceError | null, response: T) => void;

function call<T>(send: (options: { deadline: number }, done: UnaryCallback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    send({ deadline: Date.now() + DEADLINE_MS }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}
