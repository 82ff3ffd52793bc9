/**
 * Deliveries of notices for tests: run as activities, in this process or in a separate one that can be killed during the
 * delivery.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createSmtpNotifier } from '../adapters/smtp/notifier.ts';
import { createWebhookNotifier } from '../adapters/webhook/notifier.ts';
import type { Notifier, PaymentNoticeTemplate } from '../domain/ports.ts';
import { type NoticeInput, recoveryNotificationId } from '../domain/workflow-contracts.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import type { Graph, GraphOptions } from '../graph/index.ts';
import { onboard, openGraph } from '../graph/index.ts';
import { openRecovery } from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { createBlindIndex } from '../security/blind-index.ts';
import { createKeyRing } from '../security/key-ring.ts';
import { onboardingRequest, randomEmail, testHeader } from '../test/test-graph.ts';
import { customerWithCards, failureOf } from '../test/wallet-fixtures.ts';
import { createNoticeActivities } from './notices.ts';

const policy = readPolicy();

/** Where notices are delivered; serialisable, for a separate process. */
export type Route = { by: 'webhook'; url: string } | { by: 'smtp'; url: string };

/** Hexadecimal. */
export interface TestKeys {
  ring: string;
  blind: string;
}

interface Delivery {
  input: NoticeInput;
  route: Route;
  keys: TestKeys;
}

export const newKeys = (): TestKeys => ({
  ring: randomBytes(32).toString('hex'),
  blind: randomBytes(32).toString('hex'),
});

export function graphOptions({ ring, blind }: TestKeys): Pick<GraphOptions, 'keyRing' | 'blindIndex'> {
  const key = (hex: string) => createKeyRing([{ id: 'test', key: Buffer.from(hex, 'hex') }]);
  return { keyRing: key(ring), blindIndex: createBlindIndex(key(blind)) };
}

export function notifierOf(route: Route): Notifier {
  return route.by === 'webhook'
    ? createWebhookNotifier({ url: route.url, secret: 'whsec_test' })
    : createSmtpNotifier({ url: route.url, from: 'Shop <billing@shop.example>' });
}

export interface Identifier {
  type: 'email' | 'phone_number';
  value: string;
  is_verified?: boolean;
}

/** An unpaid obligation of a customer with these identifiers, the oldest first. */
export async function customerWithObligation(
  graph: Graph,
  options: {
    identifiers?: Identifier[];
    failure?: Partial<PaymentFailed>;
    locale?: string;
    cards?: number;
  } = {},
) {
  const { identifiers = [{ type: 'email', value: randomEmail(), is_verified: true }], failure } = options;
  const customer = await customerWithCards(graph, policy, { cards: options.cards ?? 1 });
  const { customer_id, methods } = customer;
  for (const [index, identifier] of identifiers.entries()) {
    const request = onboardingRequest({
      customer_id,
      digital_identifiers: [identifier],
      ...(options.locale && { customer_metadata: { locale: options.locale } }),
      occurred_at: new Date(Date.now() - (identifiers.length - index) * 60_000).toISOString(),
    });
    await onboard(graph, testHeader({ occurredAt: request.occurred_at }), { request, policy });
  }
  const failed = failureOf(customer, failure);
  const { payment_id } = failed;
  const header = testHeader({ occurredAt: failed.occurred_at });
  await openRecovery(graph, header, { failure: failed, policy, now: Date.now(), claim_first: false });
  const notice = (template: PaymentNoticeTemplate, stage = '1'): NoticeInput => ({
    notification_id: recoveryNotificationId(payment_id, 1_700_000_000_000, template, stage),
    customer_id,
    payment_id,
    template,
  });
  return { customer_id, payment_id, methods, notice };
}

/** The events `NoticeSent` and `NoticeFailed` of a customer, the oldest first, each with its type. */
export async function noticeEvents(graph: Graph, customer_id: string) {
  const rows = await graph.read<{ type: string; data: string }>(
    `MATCH (e:PersonaEvent {stream_id: $customer_id}) WHERE e.type STARTS WITH 'Notice'
     RETURN e.type AS type, e.data AS data ORDER BY e.seq`,
    { customer_id },
  );
  return rows.map(({ type, data }) => ({ type, ...JSON.parse(data) }));
}

/** One attempt of `deliverNotice`, in a new execution. */
export async function deliver(
  graph: Graph,
  input: NoticeInput,
  notifier: Notifier,
  options: {
    now?: number;
    heartbeatDetails?: unknown;
    onHeartbeat?: (details: unknown) => void;
  } = {},
) {
  const { now = Date.now(), heartbeatDetails, onHeartbeat } = options;
  const activities = createNoticeActivities({ graph, notifier, policy, now: () => now });
  const workflowExecution = { workflowId: input.notification_id, runId: randomUUID() };
  const environment = new MockActivityEnvironment(
    { workflowExecution, workflowType: 'sendNotice', attempt: 1, heartbeatDetails },
    { logger: new DefaultLogger('ERROR') },
  );
  if (onHeartbeat) environment.on('heartbeat', onHeartbeat);
  return (await environment.run(activities.deliverNotice, input)) as { result: string };
}

/** The same in a separate process. */
export function deliverInProcess(delivery: Delivery): ChildProcess {
  return spawn(process.execPath, [import.meta.filename, JSON.stringify(delivery)], { stdio: 'inherit' });
}

if (import.meta.main) {
  const { input, route, keys } = JSON.parse(process.argv[2] ?? '') as Delivery;
  const { NEO4J_URI = '', NEO4J_USERNAME = '', NEO4J_PASSWORD = '', NEO4J_DATABASE } = process.env;
  const graph = openGraph({
    uri: NEO4J_URI,
    username: NEO4J_USERNAME,
    password: NEO4J_PASSWORD,
    ...(NEO4J_DATABASE && { database: NEO4J_DATABASE }),
    ...graphOptions(keys),
  });
  await deliver(graph, input, notifierOf(route));
  await graph.close();
}
