/** Every example of `docs/contracts/`, sent to a running API as one sequence, so that none of them becomes outdated. */

import { globSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServiceError, status } from '@grpc/grpc-js';
import { type ModelSimulator, startModelSimulator } from '../../dev/simulators/model/server.ts';
import { type ApiProcess, type ApiUnderTest, openApiUnderTest } from '../api-fixture.ts';
import {
  CONTRACTS,
  type Example,
  type RestExample,
  type RpcExample,
  readExample,
  startExampleRun,
} from './example.ts';
import { type DocumentedResponses, wrongHeaders } from './documented-headers.ts';
import { allRpcs, queryWorkflow, callRest, callRpc, handlersOf, sendSignal, sendUpdate } from './exchange.ts';
import { ATTACKS, attackedRoutes, attackedRpcs, INJECTED } from './injection.ts';

/** In order of execution: later examples refer to what earlier ones created. */
const EXAMPLE_SEQUENCE = [
  'rest/onboard',
  'grpc/create-customer',
  'grpc/update-device-trust-score',
  'grpc/get-customer-context',
  'grpc/batch-get-customer-context',
  'rest/get-profile',
  'rest/get-timeline',
  'rest/annotate-event',
  'rest/get-timeline-event',
  'rest/get-disclosures',
  'rest/add-payment-method',
  'rest/get-payment-methods',
  'rest/get-payment-method',
  'grpc/get-payment-methods',
  'grpc/get-payment-options',
  'rest/get-checkout-options',
  'grpc/report-payment-failure',
  'grpc/get-recovery',
  'rest/report-payment-failure',
  'rest/get-recovery',
  'rest/get-recoveries',
  'rest/report-payment-settled',
  'grpc/report-payment-settled',
  'rest/problem',
  'temporal/payment-failed',
  'temporal/payment-settled',
  'temporal/payment-failed-for-good',
  'temporal/status',
  'temporal/pause',
  'temporal/resume',
  'temporal/claim-freed',
  'temporal/charge-result',
  'temporal/customer-status-changed',
  'temporal/payment-authenticated',
  'temporal/payment-method-updated',
  'temporal/payment-method-added',
  'temporal/payment-failed-for-good@7',
  'temporal/retry-now',
  'temporal/payment-failed-for-good@8',
  'temporal/cancel',
  'temporal/payment-failed-for-good@9',
  'temporal/consent-revoked',
  'temporal/payment-failed-for-good@13',
  'temporal/fraud-known',
  'temporal/payment-failed-unresolved',
  'temporal/status-unresolved',
  'rest/stripe-webhook',
  'temporal/resolve-unknown',
  'grpc/get-customer',
  'grpc/get-devices',
  'grpc/get-addresses',
  'grpc/get-verified-addresses',
  'grpc/find-customer-by-digital-id',
  'grpc/update-node-property',
  'grpc/add-relationship',
  'grpc/update-relationship-attribute',
  'grpc/get-relationship-attributes',
  'grpc/find-customers-by-usage',
  'rest/find-customers-by-usage',
  'grpc/find-connected-customers',
  'rest/find-connected-customers',
  'grpc/get-timeline',
  'rest/contest-event',
  'rest/get-contests',
  'temporal/contest-decision',
  'rest/report-fraud-outcome',
  'grpc/report-fraud-outcome',
  'temporal/fraud-outcome',
  'temporal/review-decision',
  'temporal/reinstate',
  'rest/change-payment-method',
  'rest/set-default-payment-method',
  'rest/remove-payment-method',
  'rest/get-addresses',
  'rest/add-address',
  'rest/get-address',
  'rest/replace-address',
  'rest/remove-address',
  'rest/verify-identifier',
  'rest/change-profile',
  'grpc/mark-payment-method-inactive',
  'rest/put-persona',
  'rest/get-persona',
  'rest/get-personas',
  'grpc/put-persona',
  'grpc/get-persona',
  'grpc/list-personas',
  'grpc/watch-personas',
  'rest/deactivate-persona',
  'rest/activate-persona',
  'rest/get-persona-versions',
  'rest/diff-persona',
  'rest/record-persona-metrics',
  'rest/get-persona-metrics',
  'rest/put-persona-configuration',
  'rest/get-persona-configuration',
  'rest/ask-persona',
  'rest/health',
  'rest/onboard-to-erase',
  'rest/export-customer',
  'grpc/export-customer',
  'rest/erase-customer',
  'rest/get-erasure',
  'grpc/create-customer-to-erase',
  'grpc/erase-customer',
  'rest/healthz',
  'rest/readyz',
];

/** What an example reads may take a moment to appear. */
const SOON = { timeout: 60_000, interval: 50 };
const run = startExampleRun();
let underTest: ApiUnderTest;
let api: ApiProcess;
let model: ModelSimulator;
let document: DocumentedResponses;
/** Differences between the headers of all responses and those that the OpenAPI document names. */
const headerFindings = new Set<string>();

beforeAll(async () => {
  underTest = await openApiUnderTest();
  // Limits that no caller of the test reaches, so that responses report them.
  model = await startModelSimulator();
  api = await underTest.startApi({
    ...{ RATE_LIMIT_CUSTOMER: '100000', RATE_LIMIT_WEBHOOK: '100000' },
    ...{ MODEL_API_BASE: model.base, MODEL_NAME: 'simulated' },
  });
  document = (await (await fetch(`${api.http}/openapi.json`)).json()) as DocumentedResponses;
  // Warm-up: the first requests are slow, and an onboarding responds after `verifyWait`, verified or not.
  const { transaction_id, occurred_at, payment_method_details } = (readExample('rest/onboard') as RestExample)
    .request.body as Record<string, unknown>;
  const warmUpRequest = startExampleRun().send({ transaction_id, occurred_at, payment_method_details });
  await fetch(`${api.http}/api/v1/customers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(warmUpRequest),
  });
});
afterAll(async () => {
  await underTest.close();
  await model.close();
});

function askRoute(example: RestExample): Promise<unknown> {
  return callRest(api, example, (response) => {
    for (const finding of wrongHeaders(document, example.route, response)) headerFindings.add(finding);
  });
}

function exchange(example: Example): Promise<unknown> {
  if ('route' in example) return askRoute(example);
  if ('rpc' in example) return callRpc(api, example);
  if ('update' in example) return sendUpdate(underTest.temporal, example);
  return 'query' in example
    ? queryWorkflow(underTest.temporal, example)
    : sendSignal(underTest.temporal, example);
}

function expectedAnswer(example: Example): unknown {
  return 'signal' in example ? example.result : example.answer;
}

/** May the request be repeated? */
function isReadOnly(example: Example): boolean {
  if ('route' in example) return example.request.method === 'GET';
  return 'query' in example || ('rpc' in example && /\/(BatchGet|Get|Find|Export)/.test(example.rpc));
}

/** From here on examples show the customer's newest events, among which notices in the background would come. */
const FIRST_WITH_NEWEST_EVENTS = 'grpc/update-node-property';
const LAST_NOTICE = { payment_id: 'plan-example-10-doubt', template: 'recovered' };

async function noticesAreSent(): Promise<void> {
  const last = () =>
    underTest.graph.read(
      'MATCH (n:Notice {payment_id: $payment_id, template: $template}) RETURN n.state AS state',
      run.send(LAST_NOTICE),
    );
  await expect.poll(last, SOON).toEqual([{ state: 'sent' }]);
  const others = () =>
    underTest.temporal.workflow.count("WorkflowType = 'sendNotice' AND ExecutionStatus = 'Running'");
  await expect.poll(others, SOON).toMatchObject({ count: 0 });
}

test.each(EXAMPLE_SEQUENCE)('%s gets the response of its example', async (name) => {
  if (name === FIRST_WITH_NEWEST_EVENTS) await noticesAreSent();
  const example = readExample(name);
  const missing = run.unknownIds(example);
  expect(missing, 'ids that no earlier example returned').toEqual([]);
  const ask = async () => run.differences(expectedAnswer(example), await exchange(run.send(example)));
  if (isReadOnly(example)) await expect.poll(ask, SOON).toEqual([]);
  else expect(await ask()).toEqual([]);
});

const ATTACKERS = 8;
const NOT_SENT = 'not sent';
/** Done, or refused for a reason that the caller can mend. */
const HARMLESS = [
  NOT_SENT,
  ...[200, 201, 202, 204, 400, 404, 409, 412, 422].map((code) => `REST ${code}`),
  ...[status.OK, status.INVALID_ARGUMENT, status.NOT_FOUND, status.FAILED_PRECONDITION, status.ABORTED].map(
    (code) => `gRPC ${code}`,
  ),
];

async function statusOfRoute(example: RestExample): Promise<string> {
  const answer = { ...example.answer, headers: { [INJECTED]: '' } };
  const response = (await askRoute({ ...example, answer })) as RestExample['answer'];
  return response.headers?.[INJECTED] === null ? `REST ${response.status}` : 'a header was injected';
}

async function statusOfRpc(example: RpcExample): Promise<string> {
  try {
    await callRpc(api, example);
    return `gRPC ${status.OK}`;
  } catch (error) {
    const { code, details } = error as ServiceError;
    // No text in the proto file: the client cannot encode it.
    if (details.startsWith('Request message serialization failure')) return NOT_SENT;
    return `gRPC ${code}`;
  }
}

async function inParallel<T>(count: number, work: readonly (() => Promise<T>)[]): Promise<T[]> {
  const waiting = work.values();
  const results: T[] = [];
  const worker = async () => {
    for (const one of waiting) results.push(await one());
  };
  await Promise.all(Array.from({ length: count }, worker));
  return results;
}

test('text of an attacker in any place of a request is data', async () => {
  const examples = EXAMPLE_SEQUENCE.map((name) => run.send(readExample(name)));
  const requests = ATTACKS.flatMap((attack) =>
    examples.flatMap((example) => {
      if ('route' in example)
        return attackedRoutes(example, attack).map((variant) => () => statusOfRoute(variant));
      return 'rpc' in example
        ? attackedRpcs(example, attack).map((variant) => () => statusOfRpc(variant))
        : [];
    }),
  );
  const statuses = await inParallel(ATTACKERS, requests);
  // What the attacker sends is refused or stored as it is; above all it is no fault of Persona's.
  expect(statuses.filter((code) => !HARMLESS.includes(code))).toEqual([]);
  expect([...new Set(statuses)]).toEqual(
    expect.arrayContaining(['REST 422', 'REST 201', 'gRPC 0', 'gRPC 3']),
  );
  const changed = await underTest.graph.read(
    `MATCH (n) WHERE n.${INJECTED} IS NOT NULL RETURN count(n) AS nodes`,
    {},
  );
  expect(changed).toEqual([{ nodes: 0 }]);
});

test('the OpenAPI document names every header that was sent, and no other as certain', () => {
  expect([...headerFindings]).toEqual([]);
});

test('a wrong example is reported', async () => {
  const { answer } = readExample('rest/healthz') as { answer: object };
  expect(run.differences({ ...answer, status: 201 }, answer)).toEqual([
    '.status: 201 in the example, 200 in the response',
  ]);
  expect(run.differences({ ...answer, more: 'x' }, answer)).toHaveLength(1);
  expect(run.differences(answer, { ...answer, more: 'x' })).toHaveLength(1);
});

test('every example is in the sequence', () => {
  const files = globSync('{rest,grpc,temporal}/*.json', { cwd: CONTRACTS }).map((file) =>
    file.replaceAll('\\', '/'),
  );
  const covered = EXAMPLE_SEQUENCE.filter((name) => !name.includes('@'));
  expect(files.map((file) => file.slice(0, -'.json'.length)).sort()).toEqual(covered.toSorted());
});

test('every route, every rpc and every message of a recovery and of a fraud case has an example', async () => {
  const examples = EXAMPLE_SEQUENCE.map(readExample);
  const { paths } = (await (await fetch(`${api.http}/openapi.json`)).json()) as {
    paths: Record<string, object>;
  };
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const runs = ['recovery:plan-example-4', 'fraud-case:case-example-3'];
  const messages = (await Promise.all(runs.map((id) => handlersOf(underTest.temporal, run.send(id))))).flat();
  const covered = examples.map((example) => {
    if ('route' in example) return example.route;
    if ('rpc' in example) return example.rpc;
    if ('update' in example) return example.update;
    return 'query' in example ? example.query : example.signal;
  });
  expect([...routes, ...allRpcs(), ...messages].filter((name) => !covered.includes(name))).toEqual([]);
});
