/** What every flow works with. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { MarkedClient } from '../client.ts';
import type { Marks } from '../marks.ts';
import type { MarkedSystem } from '../system.ts';

/** For a busy machine; not an expected duration. */
export const LIMIT = { timeout: 60_000, interval: 50 };
const DAY_MS = 86_400_000;

export interface Stage extends Pick<MarkedClient, 'rest' | 'rpc'> {
  system: MarkedSystem;
  marks: Marks;
  /** Of customers whom a flow needs beside its own; default: the same. */
  others?: Marks;
}

export const CHECKOUT = { role: 'checkout' };
export const OPS = { role: 'ops' };

export const now = () => new Date().toISOString();
export const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
export const customerPath = (id: string) => `/api/v1/customers/${id}`;

interface CardOptions {
  /** What the gateway does with each charge; default: it approves. */
  then?: object;
  expiry?: { exp_month: number; exp_year: number };
}

/** Registers a card at the gateway. @returns its token, drawn for this path */
export async function newCard(
  { system, marks }: Pick<Stage, 'system' | 'marks'>,
  path: string,
  { then = { do: 'approve' }, expiry = { exp_month: 12, exp_year: 2031 } }: CardOptions = {},
): Promise<string> {
  const token = marks.draw(path);
  const fingerprint = marks.draw('OnboardingRequest.payment_method_details.instrument_fingerprint');
  const card = { brand: 'visa', last4: '4242', ...expiry, fingerprint, country: 'US', funding: 'credit' };
  const url = `${system.persona.addresses.gateway}/_sim/payment_methods/${token}`;
  const body = JSON.stringify({ type: 'card', card, script: [], then });
  const response = await fetch(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
  expect(response.status, await response.text()).toBe(200);
  return token;
}

export interface Customer {
  id: string;
  device_id: string;
  /** The first one is the default; the last one was used last. */
  methods: string[];
  email: string;
}

/**
 * A customer with one active card for each option, used on one trusted device.
 * @param more fields of the onboardings
 */
export async function newCustomer(
  stage: Stage,
  cards: readonly CardOptions[],
  more: object = {},
): Promise<Customer> {
  const { marks, rest, rpc } = stage;
  const email = marks.draw('OnboardingRequest.digital_identifiers.value');
  const fingerprint = marks.draw('OnboardingRequest.device_details.fingerprint');
  const customer: Customer = { id: '', device_id: '', methods: [], email };
  for (const [index, card] of cards.entries()) {
    const { status, json } = await rest('POST', '/api/v1/customers', {
      as: CHECKOUT,
      body: {
        ...{ transaction_id: randomUUID(), occurred_at: daysAgo(cards.length - index), ...more },
        ...(customer.id && { customer_id: customer.id }),
        digital_identifiers: [{ type: 'email', value: email, is_verified: true }],
        device_details: { fingerprint, trust_score: 0.9 },
        payment_method_details: {
          ...{ type: 'card', off_session_consent: true },
          token: await newCard(stage, 'OnboardingRequest.payment_method_details.token', card),
        },
      },
    });
    expect([200, 201], JSON.stringify(json)).toContain(status);
    customer.id = json.customer_id;
    customer.device_id = json.device_id;
    customer.methods.push(json.payment_method_id);
  }
  const score = { device_id: customer.device_id, trust_score: 0.95, observed_at: now() };
  expect(await rpc('chimera', 'UpdateDeviceTrustScore', score)).toMatchObject({ code: 0 });
  await expect.poll(() => statusesOf(stage, customer.id), LIMIT).toEqual(cards.map(() => 'active'));
  return customer;
}

export async function statusesOf({ rest }: Pick<Stage, 'rest'>, id: string): Promise<string[]> {
  const { json } = await rest('GET', `${customerPath(id)}/payment-methods`, { as: { customer_id: id } });
  return (json.items as { status: string }[]).map(({ status }) => status);
}
