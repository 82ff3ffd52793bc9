/** Customers with scripted cards, created by Persona's own commands, and reports about them. */

import { randomUUID } from 'node:crypto';
import type { GatewayPaymentMethod } from '../../domain/ports.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import {
  onboard,
  recordVerification,
  updateDeviceTrustScore,
  updatePaymentMethodStatus,
} from '../../graph/index.ts';
import { paymentFailed } from '../scenarios/reports.ts';
import type { CardPlan } from '../scenarios/wallet-plan.ts';
import { onboardingRequest, randomEmail, randomToken, retryWhileBusy, testHeader } from '../test-graph.ts';
import type { FaultSystem } from './system.ts';

const DAY = 86_400_000;

export interface TestCustomer {
  id: string;
  /** The first card is the default, the last one was used last. */
  cards: { id: string; token: string }[];
}

type CustomerSystem = Pick<FaultSystem, 'graph' | 'policy' | 'persona'>;

export async function customerWithScriptedCards(
  system: CustomerSystem,
  plans: readonly CardPlan[],
): Promise<TestCustomer> {
  const shared = { device: randomUUID(), email: randomEmail() };
  const cards: TestCustomer['cards'] = [];
  let id: string | undefined;
  for (const [index, plan] of plans.entries()) {
    const occurredAt = new Date(Date.now() - (plans.length - index) * DAY).toISOString();
    const card = await addCard(system, plan, { ...shared, ...(id && { id }), occurredAt });
    id = card.customer;
    cards.push({ id: card.id, token: card.token });
  }
  if (id === undefined) throw new Error('the customer needs at least one card');
  return { id, cards };
}

async function addCard(
  { graph, policy, persona }: CustomerSystem,
  { script = [], then = { do: 'approve' }, ineligibility, cardFingerprint, type, expiry }: CardPlan,
  owner: { id?: string; device: string; email: string; occurredAt: string },
): Promise<{ customer: string; id: string; token: string }> {
  const token = randomToken();
  const { id: knownId, device, email, occurredAt } = owner;
  const isUnproven = ineligibility === 'unproven';
  const identifier = { type: 'email', value: email, is_verified: !isUnproven } as const;
  const request = onboardingRequest({
    // A request without an id and with an unverified address matches the address's owner, unproven.
    ...(knownId && !isUnproven ? { customer_id: knownId } : { digital_identifiers: [identifier] }),
    payment_method_details: { type: 'card', token, off_session_consent: ineligibility !== 'unconsented' },
    device_details: { fingerprint: device },
    occurred_at: occurredAt,
  });
  const header = testHeader({ occurredAt });
  const onboarded = await retryWhileBusy(() => onboard(graph, header, { request, policy }));
  const customer_id = onboarded.customer_id;
  const payment_method_id = onboarded.payment_method_id as string;
  const ref = { customer_id, payment_method_id };
  const gateway_customer_ref = `cus_${customer_id}`;
  const response = await fetch(`${persona.addresses.gateway}/_sim/payment_methods/${token}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ type: type ?? 'card', customer: gateway_customer_ref, script, then },
      card: {
        fingerprint: cardFingerprint ?? token,
        ...(expiry && { exp_month: expiry.month, exp_year: expiry.year }),
      },
    }),
  });
  if (!response.ok) throw new Error(`the gateway refused card ${token}: ${await response.text()}`);
  await recordVerification(graph, testHeader(), {
    ...ref,
    gateway_customer_ref,
    answer: {
      result: 'attached',
      method: {
        ...{ token, ...gatewayTypeOf(type), instrument_fingerprint: cardFingerprint ?? token },
        ...(expiry && { expiry_month: expiry.month, expiry_year: expiry.year }),
      },
    },
  });
  if (!knownId) {
    const score = { device_id: onboarded.device_id as string, trust_score: 0.9 };
    await updateDeviceTrustScore(graph, testHeader(), { ...score, observed_at: new Date().toISOString() });
  }
  if (ineligibility === 'inactive')
    await updatePaymentMethodStatus(graph, testHeader(), { ...ref, status: 'inactive', reason: 'test' });
  return { customer: customer_id, id: payment_method_id, token };
}

/** As Persona reads it at the gateway. */
function gatewayTypeOf(
  type: CardPlan['type'],
): Pick<GatewayPaymentMethod, 'type' | 'gateway_type' | 'network'> {
  if (type === undefined) return { type: 'card', network: 'visa' };
  return { type: type === 'link' ? 'digital_wallet' : 'bank_account', gateway_type: type };
}

/** A recurring payment that failed on the customer's first card. */
export const failureOf = ({ id, cards }: TestCustomer, changes: Partial<PaymentFailed> = {}): PaymentFailed =>
  paymentFailed({ customer_id: id, payment_method_id: cards[0]?.id as string, ...changes });
