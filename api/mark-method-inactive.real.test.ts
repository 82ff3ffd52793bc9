/** `MarkPaymentMethodInactive`, against two real API processes. */

import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recoveryWorkflowId } from '../domain/workflow-contracts.ts';
import type { MarkPaymentMethodInactiveResponse } from '../proto/gen/persona/v1/persona_agent.ts';
import { type ApiProcess, type ApiUnderTest, openApiUnderTest, unaryCall } from '../test/api-fixture.ts';
import { addMethod, cardMethod, now, onboard, rpcError, sendRequest } from './api-fixtures.ts';

let underTest: ApiUnderTest;
let api: ApiProcess;
beforeAll(async () => {
  underTest = await openApiUnderTest();
  api = await underTest.startApi();
});
afterAll(() => underTest.close());

function mark(request: object, key: string | undefined = randomUUID()) {
  return unaryCall<MarkPaymentMethodInactiveResponse>(
    api.agent,
    'markPaymentMethodInactive',
    { reason: 'closed account', customer_id: '', payment_method_id: '', ...request },
    { metadata: key === '' ? {} : { 'idempotency-key': key } },
  );
}
const newCustomer = () => onboard(api, { payment_method_details: cardMethod() });
const ofMethod = ({
  customer_id,
  payment_method_id,
}: {
  customer_id: string;
  payment_method_id: string;
}) => ({
  customer_id,
  payment_method_id,
});

test('the method becomes inactive, and another one the default; a repeat with its key gets the first result', async () => {
  const customer = await newCustomer();
  const { body: second } = await addMethod(api, customer.customer_id);
  const key = randomUUID();
  const marked = await mark(ofMethod(customer), key);
  expect(marked.payment_method).toMatchObject({
    payment_method_id: customer.payment_method_id,
    status: 'inactive',
    is_default: false,
  });
  expect(await mark(ofMethod(customer), key)).toEqual(marked);
  // It is inactive already: nothing changes.
  expect((await mark(ofMethod(customer))).version).toBe(marked.version);
  const { body: wallet } = await sendRequest(
    api,
    `/api/v1/customers/${customer.customer_id}/payment-methods`,
  );
  expect(wallet.items).toMatchObject([
    { payment_method_id: second.payment_method_id, status: 'active', is_default: true },
    { payment_method_id: customer.payment_method_id, status: 'inactive', is_default: false },
  ]);

  expect((await rpcError(mark({ ...ofMethod(customer), reason: 'another one' }, key))).code).toBe(
    status.FAILED_PRECONDITION,
  );
});

test("another customer's method, an unknown one and an unknown customer are not found, and nothing changes", async () => {
  const [customer, other] = [await newCustomer(), await newCustomer()];
  for (const request of [
    { ...ofMethod(other), customer_id: customer.customer_id },
    { ...ofMethod(customer), payment_method_id: randomUUID() },
    { ...ofMethod(customer), customer_id: randomUUID() },
  ])
    expect((await rpcError(mark(request))).code).toBe(status.NOT_FOUND);
  const path = `/api/v1/customers/${other.customer_id}/payment-methods/${other.payment_method_id}`;
  expect((await sendRequest(api, path)).body.status).toBe('active');
});

test('malformed requests, a missing key, a stale version and a compromised method are refused', async () => {
  const customer = await newCustomer();
  const refused = async (request: object, key?: string) => {
    const { code, details } = await rpcError(mark({ ...ofMethod(customer), ...request }, key));
    return [code, details];
  };
  expect(await refused({ customer_id: 'x', payment_method_id: '', reason: '' })).toEqual([
    status.INVALID_ARGUMENT,
    'customer_id: must be a UUID; payment_method_id: is required; reason: is required',
  ]);
  expect(await refused({ reason: 'card 4242 4242 4242 4242' })).toEqual([
    status.INVALID_ARGUMENT,
    expect.not.stringContaining('4242'),
  ]);
  expect(await refused({}, '')).toEqual([
    status.INVALID_ARGUMENT,
    expect.stringContaining('idempotency-key'),
  ]);
  expect(await refused({ expected_version: 1n })).toEqual([status.ABORTED, expect.any(String)]);
  const fraud = {
    event_id: randomUUID(),
    case_id: `case-${randomUUID()}`,
    outcome: 'confirmed_fraud',
    ...ofMethod(customer),
    reason: 'test',
    occurred_at: now(),
  };
  expect((await sendRequest(api, '/internal/v1/fraud-outcomes', fraud)).status).toBe(202);
  await expect
    .poll(() => refused({}), { timeout: 60_000 })
    .toEqual([status.FAILED_PRECONDITION, expect.stringContaining('is compromised')]);
});

test('open recoveries of the customer are signalled, and a repeat signals them again', async () => {
  const customer = await newCustomer();
  const payment_id = `pay-${randomUUID()}`;
  const failure = {
    event_id: randomUUID(),
    payment_id,
    ...ofMethod(customer),
    amount: 1250,
    currency: 'EUR',
    kind: 'recurring',
    occurred_at: now(),
    decline_code: 'insufficient_funds',
  };
  expect((await sendRequest(api, '/internal/v1/payment-failures', failure)).status).toBe(202);
  const recovery = `/api/v1/customers/${customer.customer_id}/recoveries/${payment_id}`;
  await expect
    .poll(async () => (await sendRequest(api, recovery)).body.state, { timeout: 60_000 })
    .toBe('waiting');
  const key = randomUUID();
  await mark(ofMethod(customer), key);
  await mark(ofMethod(customer), key);
  const handle = underTest.temporal.workflow.getHandle(recoveryWorkflowId(payment_id));
  // While a workflow task runs, Temporal keeps a signal back and adds it to the history afterwards.
  const signals = async () => {
    const { events } = await handle.fetchHistory();
    return events?.filter(
      (event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'paymentMethodUpdated',
    );
  };
  await expect.poll(signals, { timeout: 60_000 }).toHaveLength(2);
});
