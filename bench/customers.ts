/** Customers for benchmarks. */

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Stripe } from 'stripe';
import { methodOf } from '../adapters/stripe/methods.ts';
import type { OnboardingRequest } from '../domain/onboarding.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import {
  type CommandHeader,
  type Graph,
  getPaymentMethod,
  onboard,
  recordVerification,
} from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { runCalls } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const randomHex = () => randomUUID().replaceAll('-', '');
const IN_FLIGHT = 4;

/** An onboarding of a new customer, with everything except a payment method. */
export function newCustomerRequest(): OnboardingRequest {
  const id = randomHex();
  return {
    transaction_id: id,
    occurred_at: new Date().toISOString(),
    device_details: {
      fingerprint: `device-${id}`,
      ip: '203.0.113.24',
      user_agent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)',
      trust_score: 0.9,
    },
    address_details: {
      street1: '18 Alder Street',
      city: 'New York',
      state: 'NY',
      zip_code: '10013',
      country: 'US',
      type: 'shipping',
      is_verified: true,
    },
    digital_identifiers: [{ type: 'email', value: `${id}@shop.example`, is_verified: true }],
    customer_metadata: { segment: 'subscriber', locale: 'en-US' },
  };
}

export function headerOf({ transaction_id, occurred_at }: OnboardingRequest): CommandHeader {
  return {
    caller: 'bench',
    actor: 'bench',
    idempotencyKey: transaction_id,
    correlationId: transaction_id,
    occurredAt: occurred_at,
  };
}

/**
 * Adds customers with three trusted devices, three cards and a verified address each, by the graph's own command.
 * @returns their ids
 */
export async function addCustomers(graph: Graph, count: number): Promise<string[]> {
  const policy = readPolicy();
  const ids: string[] = [];
  await runCalls(count, IN_FLIGHT, async () => {
    let customer_id: string | undefined;
    for (let visit = 0; visit < 3; visit += 1) {
      const { digital_identifiers, address_details, ...checkoutDetails } = newCustomerRequest();
      const request: OnboardingRequest = {
        ...checkoutDetails,
        ...(customer_id === undefined ? { digital_identifiers, address_details } : { customer_id }),
        payment_method_details: { type: 'card', token: `pm_${randomHex()}`, off_session_consent: true },
      };
      ({ customer_id } = await onboard(graph, headerOf(request), { request, policy }));
    }
    if (customer_id !== undefined) ids.push(customer_id);
  });
  return ids;
}

/** A customer whose first card fails and whose second one may be charged, each from a separate checkout. */
export interface Payer {
  customer_id: string;
  failing_method_id: string;
}

/** Adds payers with a single card over REST, as a shop does; waits until the gateway has verified the card. */
export async function addSingleCardPayers(system: CheckoutSystem, count: number): Promise<Payer[]> {
  const payers: Payer[] = [];
  await runCalls(count, IN_FLIGHT, async () => {
    const { customer_id, payment_method_id } = await checkOut(system, newCustomerRequest());
    payers.push({ customer_id, failing_method_id: payment_method_id });
  });
  return payers;
}

/** Adds them by the graph's own command: faster, but their cards are unknown at the gateway. */
export async function addUnverifiedPayers(graph: Graph, count: number): Promise<Payer[]> {
  const policy = readPolicy();
  const payers: Payer[] = [];
  await runCalls(count, IN_FLIGHT, async () => {
    const request: OnboardingRequest = {
      ...newCustomerRequest(),
      payment_method_details: { type: 'card', token: `pm_${randomHex()}`, off_session_consent: true },
    };
    const { customer_id, payment_method_id } = await onboard(graph, headerOf(request), { request, policy });
    if (payment_method_id === undefined) throw new Error(`customer ${customer_id} has no card`);
    payers.push({ customer_id, failing_method_id: payment_method_id });
  });
  return payers;
}

/** A customer with one card, which is valid until the end of 2030 and the default, and the device that it was used on. */
export interface Cardholder {
  customer_id: string;
  device_id: string;
  payment_method_id: string;
  token: string;
}

/** Adds them by the graph's own commands, which is fast; the gateway has their cards attached with the same details. */
export async function addVerifiedCardholders(
  { addresses, graph }: CheckoutSystem,
  count: number,
): Promise<Cardholder[]> {
  const policy = readPolicy();
  const cardholders: Cardholder[] = [];
  await runCalls(count, IN_FLIGHT, async () => {
    const token = `pm_${randomHex()}`;
    const customer = `cus_${randomHex()}`;
    const card = { brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2030, fingerprint: `fp_${token}` };
    const path = `${addresses.gateway}/_sim/payment_methods/${token}`;
    const attached = await send('PUT', path, { type: 'card', card, customer });
    const request: OnboardingRequest = {
      ...newCustomerRequest(),
      payment_method_details: { type: 'card', token, off_session_consent: true },
    };
    const header = headerOf(request);
    const { customer_id, device_id, payment_method_id } = await onboard(graph, header, { request, policy });
    if (device_id === undefined || payment_method_id === undefined)
      throw new Error(`customer ${customer_id} lacks a device or a card`);
    const method = methodOf(attached as Stripe.PaymentMethod);
    await recordVerification(
      graph,
      { ...header, idempotencyKey: token },
      {
        ...{ customer_id, payment_method_id, gateway_customer_ref: customer },
        answer: { result: 'attached', method },
      },
    );
    cardholders.push({ customer_id, device_id, payment_method_id, token });
  });
  return cardholders;
}

/** Adds payers over REST, as a shop does, and waits until the gateway has verified both cards. */
export async function addPayers(system: CheckoutSystem, count: number): Promise<Payer[]> {
  const payers: Payer[] = [];
  await runCalls(count, IN_FLIGHT, async () => {
    const first = newCustomerRequest();
    const { customer_id, payment_method_id } = await checkOut(system, first);
    const { device_details } = first;
    await checkOut(system, { ...newCustomerRequest(), device_details, digital_identifiers: [], customer_id });
    payers.push({ customer_id, failing_method_id: payment_method_id });
  });
  return payers;
}

/** A new payment that failed on the failing card, for a temporary reason. */
export function failureOf({ customer_id, failing_method_id }: Payer): PaymentFailed {
  return {
    event_id: randomUUID(),
    payment_id: `bench-${randomUUID()}`,
    customer_id,
    payment_method_id: failing_method_id,
    amount: 4_900,
    currency: 'USD',
    kind: 'recurring',
    occurred_at: new Date().toISOString(),
    description: 'Gym membership',
    decline_code: 'insufficient_funds',
  };
}

type CheckoutSystem = Pick<BenchSystem, 'addresses' | 'graph'>;
interface CheckedOut {
  customer_id: string;
  payment_method_id: string;
}

async function checkOut(
  { addresses, graph }: CheckoutSystem,
  request: OnboardingRequest,
): Promise<CheckedOut> {
  const token = `pm_${randomHex()}`;
  const card = { brand: 'visa', last4: '4242', exp_month: 8, exp_year: 2040, fingerprint: `fp_${token}` };
  const issued = { type: 'card', card, script: [], then: { do: 'approve' } };
  await send('PUT', `${addresses.gateway}/_sim/payment_methods/${token}`, issued);
  const method = { type: 'card', token, off_session_consent: true, consent_source: 'checkout' };
  const answer = await send('POST', `${addresses.http}/api/v1/customers`, {
    ...request,
    payment_method_details: method,
  });
  const checkedOut = answer as CheckedOut;
  while ((await getPaymentMethod(graph, checkedOut)).status === 'unverified') await setTimeout(50);
  return checkedOut;
}

async function send(method: string, url: string, body: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} returned ${response.status}: ${await response.text()}`);
  return response.json();
}
