/** The wallet's commands for tests, each under its own key. */

import type { OnboardingRequest, PaymentMethodDetails } from '../../domain/onboarding-types.ts';
import type { AttachAnswer } from '../../domain/ports.ts';
import { readPolicy } from '../../platform/policy.ts';
import { onboardingRequest, randomToken, testGraph, testHeader } from '../../test/test-graph.ts';
import { onboard } from '../onboarding/onboard.ts';
import { getPaymentMethods } from '../queries/payment-methods.ts';
import { addPaymentMethod } from './add-payment-method.ts';
import { updatePaymentMethodStatus } from './edit-payment-method.ts';
import { recordVerification } from './record-verification.ts';

export const attachedAnswer = (token = randomToken()): AttachAnswer => ({
  result: 'attached',
  method: { token, type: 'card' },
});

/** On a separate graph for the calling file, with the usual policy. */
export async function walletCommands() {
  const graph = await testGraph();
  const policy = readPolicy();

  const newCustomer = async (change: Partial<OnboardingRequest> = {}) => {
    const request = onboardingRequest(change);
    return (await onboard(graph, testHeader(), { request, policy })).customer_id;
  };
  const add = (
    customer_id: string,
    method: Partial<PaymentMethodDetails> & { device_id?: string } = {},
    at?: string,
  ) =>
    addPaymentMethod(graph, testHeader(at === undefined ? {} : { occurredAt: at }), {
      customer_id,
      method: { type: 'card', token: randomToken(), ...method },
      added_by: 'customer',
    });
  const verify = (customer_id: string, payment_method_id: string, answer: AttachAnswer = attachedAnswer()) =>
    recordVerification(graph, testHeader(), { customer_id, payment_method_id, answer });
  /** An active method of the customer. */
  const active = async (customer_id: string, method: Partial<PaymentMethodDetails> = {}, at?: string) => {
    const { token = randomToken() } = method;
    const { payment_method_id } = await add(customer_id, { ...method, token }, at);
    await verify(customer_id, payment_method_id, attachedAnswer(token));
    return payment_method_id;
  };
  const setStatus = (
    customer_id: string,
    payment_method_id: string,
    status: 'failed' | 'active' | 'inactive',
  ) =>
    updatePaymentMethodStatus(graph, testHeader(), {
      customer_id,
      payment_method_id,
      status,
      reason: 'test',
    });
  const defaultOf = async (customer_id: string) =>
    (await getPaymentMethods(graph, { customer_id }))
      .filter((method) => method.is_default)
      .map((m) => m.payment_method_id);
  const eventsOf = (id: string) =>
    graph.read<{ type: string; seq: number; data: string }>(
      'MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.type AS type, e.seq AS seq, e.data AS data ORDER BY e.seq',
      { id },
    );
  return { graph, newCustomer, add, verify, active, setStatus, defaultOf, eventsOf };
}
