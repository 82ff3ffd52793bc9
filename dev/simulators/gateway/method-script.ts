/** Reads the body of `PUT /_sim/payment_methods/{pm}`. */

import type { Gateway } from './gateway.ts';
import { readStep, ScriptError } from './steps.ts';
import type { MethodDetails, PaymentMethod } from './store.ts';

const TYPES = [
  'card',
  'us_bank_account',
  'sepa_debit',
  'bacs_debit',
  'acss_debit',
  'au_becs_debit',
  'nz_bank_account',
  'link',
  'paypal',
  'cashapp',
];

/**
 * The method's new state. Without `customer` a known method keeps its customer, so that a test can change the script of a
 * wallet's method; an unknown customer is created.
 * @throws ScriptError naming the field and the rule
 */
export function readMethodScript(gateway: Gateway, id: string, input: unknown): PaymentMethod {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ScriptError('the body must be an object');
  }
  const raw = input as Record<string, unknown>;
  const before = gateway.store.methods.get(id);
  const type = raw.type ?? before?.type ?? 'card';
  if (typeof type !== 'string' || !TYPES.includes(type)) {
    throw new ScriptError(`type: must be one of ${TYPES.join(', ')}`);
  }
  const script = raw.script ?? [];
  if (!Array.isArray(script)) throw new ScriptError('script: must be an array of steps');
  return {
    id,
    type,
    details: { ...(before?.details ?? defaultDetails(gateway, id)), ...readDetails(raw.card) },
    customer: raw.customer === undefined ? (before?.customer ?? null) : readCustomer(gateway, raw.customer),
    detachedFrom: null,
    created: before?.created ?? gateway.clock.seconds(),
    metadata: before?.metadata ?? {},
    script: script.map((step, n) => readStep(step, `script[${n}]`)),
    defaultStep: raw.then === undefined ? { do: 'approve' } : readStep(raw.then, 'then'),
  };
}

function readCustomer(gateway: Gateway, value: unknown): string | null {
  if (value === null) return null;
  if (typeof value !== 'string' || value === '') throw new ScriptError("customer: must be a customer's id");
  if (!gateway.store.customers.has(value)) {
    gateway.store.customers.set(value, {
      id: value,
      email: null,
      name: null,
      description: null,
      metadata: {},
      created: gateway.clock.seconds(),
    });
  }
  return value;
}

function defaultDetails(gateway: Gateway, id: string): MethodDetails {
  return {
    brand: 'visa',
    last4: '4242',
    exp_month: 12,
    exp_year: new Date(gateway.clock.now()).getUTCFullYear() + 3,
    fingerprint: `fp_${id}`,
    country: 'US',
    funding: 'credit',
  };
}

function readDetails(value: unknown): Partial<MethodDetails> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw new ScriptError('card: must be an object');
  const card = value as Record<string, unknown>;
  const details: Partial<MethodDetails> = {};
  for (const name of ['brand', 'last4', 'fingerprint', 'country', 'funding', 'wallet'] as const) {
    if (card[name] === undefined) continue;
    if (typeof card[name] !== 'string') throw new ScriptError(`card.${name}: must be a string`);
    details[name] = card[name];
  }
  for (const name of ['exp_month', 'exp_year'] as const) {
    if (card[name] === undefined) continue;
    if (!Number.isInteger(card[name])) throw new ScriptError(`card.${name}: must be an integer`);
    details[name] = card[name] as number;
  }
  return details;
}
