/** Customers with scripted cards, made by Persona's own commands, and what is reported of them. */

import { randomUUID } from 'node:crypto';
import { onboard, recordVerification, updateDeviceTrustScore } from '../../graph/index.ts';
import { onboardingRequest, randomEmail, randomToken, testHeader } from '../graph.ts';
import type { FaultSystem } from './system.ts';

const DAY = 86_400_000;

/** What the gateway does with each request to charge a card; approves after that. */
export type Script = object[];

export interface ScriptedCustomer {
  id: string;
  gatewayRef: string;
  /** Active, proven, with consent, used on a trusted device. The first is the default; the last one was used last. */
  cards: { id: string; token: string }[];
}

type World = Pick<FaultSystem, 'graph' | 'policy' | 'persona'>;

/** @param scripts one per card */
export async function customerWithScripts(world: World, scripts: Script[]): Promise<ScriptedCustomer> {
  const { graph, policy } = world;
  const device = randomUUID();
  const email = randomEmail();
  let customer: ScriptedCustomer | undefined;
  for (const [index, script] of scripts.entries()) {
    const token = randomToken();
    const request = onboardingRequest({
      ...(customer
        ? { customer_id: customer.id }
        : { digital_identifiers: [{ type: 'email', value: email, is_verified: true }] }),
      payment_method_details: { type: 'card', token, off_session_consent: true },
      device_details: { fingerprint: device },
      occurred_at: new Date(Date.now() - (scripts.length - index) * DAY).toISOString(),
    });
    const header = testHeader({ occurredAt: request.occurred_at });
    const written = await onboard(graph, header, { request, policy });
    const id = written.payment_method_id as string;
    customer ??= { id: written.customer_id, gatewayRef: `cus_${written.customer_id}`, cards: [] };
    const { gatewayRef } = customer;
    await scriptCard(world, token, { customer: gatewayRef, script });
    await recordVerification(graph, testHeader(), {
      customer_id: customer.id,
      payment_method_id: id,
      gateway_customer_ref: gatewayRef,
      answer: {
        result: 'attached',
        method: { token, type: 'card', network: 'visa', instrument_fingerprint: token },
      },
    });
    customer.cards.push({ id, token });
    if (index === 0) {
      const observed_at = new Date().toISOString();
      const score = { device_id: written.device_id as string, trust_score: 0.9, observed_at };
      await updateDeviceTrustScore(graph, testHeader(), score);
    }
  }
  if (customer === undefined) throw new Error('a customer without cards has nothing to be charged');
  return customer;
}

/** @param changes as `PUT /_sim/payment_methods/{token}` takes them */
export async function scriptCard(
  { persona }: Pick<World, 'persona'>,
  token: string,
  changes: object,
): Promise<void> {
  const response = await fetch(`${persona.addresses.gateway}/_sim/payment_methods/${token}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'card', card: { fingerprint: token }, ...changes }),
  });
  if (!response.ok) throw new Error(`the gateway refused card ${token}: ${await response.text()}`);
}

/** A recurring payment that failed on the customer's first card. */
export function failureOf({ id, cards }: ScriptedCustomer, changes: object = {}) {
  return {
    event_id: randomUUID(),
    payment_id: `pay-${randomUUID()}`,
    customer_id: id,
    payment_method_id: cards[0]?.id as string,
    amount: 4900,
    currency: 'USD',
    kind: 'recurring',
    occurred_at: new Date().toISOString(),
    decline_code: 'insufficient_funds',
    ...changes,
  };
}
