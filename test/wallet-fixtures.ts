/** Customers with chargeable cards, created by Persona's own commands. */

import { randomUUID } from 'node:crypto';
import type { Policy } from '../domain/policy.ts';
import type { GatewayPaymentMethod } from '../domain/ports.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { type Graph, onboard, recordVerification, updateDeviceTrustScore } from '../graph/index.ts';
import { paymentFailed } from './scenarios/reports.ts';
import { onboardingRequest, randomToken, testHeader } from './test-graph.ts';

export interface TestWallet {
  customer_id: string;
  /** Active, proven, consented, used on a trusted device; the last one was used last. */
  methods: string[];
}

export interface WalletOptions {
  cards?: number;
  network?: string;
  /** A verified e-mail address of the customer. */
  email?: string;
  /** The card key of each card; equal for the same card, also at other customers. */
  fingerprints?: string[];
  /** Further details of each method at the gateway. */
  details?: Partial<GatewayPaymentMethod>[];
}

const DAY = 86_400_000;

export async function customerWithCards(
  graph: Graph,
  policy: Policy,
  options: WalletOptions = {},
): Promise<TestWallet> {
  const { cards = 3, network = 'visa', fingerprints = [], details = [], email } = options;
  const device = randomUUID();
  let customer_id: string | undefined;
  const methods: string[] = [];
  for (let index = 0; index < cards; index++) {
    const token = randomToken();
    const request = onboardingRequest({
      ...(customer_id ? { customer_id } : {}),
      ...(email ? { digital_identifiers: [{ type: 'email', value: email, is_verified: true }] } : {}),
      payment_method_details: { type: 'card', token, network, off_session_consent: true },
      device_details: { fingerprint: device },
      occurred_at: new Date(Date.now() - (cards - index) * DAY).toISOString(),
    });
    const onboarded = await onboard(graph, testHeader({ occurredAt: request.occurred_at }), {
      request,
      policy,
    });
    customer_id = onboarded.customer_id;
    const payment_method_id = onboarded.payment_method_id as string;
    await recordVerification(graph, testHeader(), {
      customer_id,
      payment_method_id,
      gateway_customer_ref: `cus_${customer_id}`,
      answer: {
        result: 'attached',
        method: {
          token,
          type: 'card',
          network,
          ...(fingerprints[index] ? { instrument_fingerprint: fingerprints[index] } : {}),
          ...details[index],
        },
      },
    });
    methods.push(payment_method_id);
    if (index === 0) {
      await updateDeviceTrustScore(graph, testHeader(), {
        device_id: onboarded.device_id as string,
        trust_score: 0.9,
        observed_at: new Date().toISOString(),
      });
    }
  }
  return { customer_id: customer_id as string, methods };
}

/** A failed payment on the wallet's first card, as Synapse reports it. */
export const failureOf = (
  { customer_id, methods }: TestWallet,
  changes: Partial<PaymentFailed> = {},
): PaymentFailed => paymentFailed({ customer_id, payment_method_id: methods[0] as string, ...changes });
