/** Commands as data, for clients that send them concurrently to the same few customers. */

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Policy } from '../../domain/policy.ts';
import { attemptKey } from '../../domain/workflow-contracts.ts';
import { CHARGE_ANSWERS } from '../../test/scenarios/charge-answers.ts';
import { choice } from '../../test/scenarios/draw.ts';
import { paymentFailed, paymentSettled } from '../../test/scenarios/reports.ts';
import { onboardingRequest, randomEmail, randomToken, testHeader } from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import * as commands from '../index.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { Graph } from '../kernel/graph.ts';
import {
  claimAttempt,
  closeRecovery,
  openRecovery,
  openFromSettlement,
  recordAttempt,
  recordRoutingOutcome,
} from '../recovery/index.ts';

const CUSTOMERS = 3;
const TOKENS = 4;
/** Many clients on few objects, so that they conflict. */
const pool = {
  customer: fc.nat(CUSTOMERS - 1),
  token: fc.nat(TOKENS - 1),
  email: fc.nat(2),
  device: fc.nat(1),
  payment: fc.nat(5),
  event: fc.nat(8),
  yes: fc.boolean(),
};
const { customer, token, email, device, payment, event, yes } = pool;

const status = fc.constantFrom('active', 'failed', 'expired', 'inactive', 'compromised');
const answer = fc.constantFrom('approved', 'declined', 'unknown', 'not_sent', 'cancelled', 'withdrawn');

/** One command of a client. Its numbers are indexes of the world's customers, tokens and so on. */
export const action = fc.oneof(
  choice(4, { do: 'addMethod', customer, token, yes }),
  choice(4, { do: 'verify', customer, token, yes }),
  choice(2, { do: 'status', customer, token, status }),
  choice(1, { do: 'default', customer, token }),
  choice(1, { do: 'remove', customer, token }),
  choice(1, { do: 'use', customer, token }),
  choice(1, { do: 'consent', customer, token, yes }),
  choice(2, { do: 'addIdentifier', customer, email }),
  choice(1, { do: 'verifyIdentifier', customer, email }),
  choice(1, { do: 'removeIdentifier', customer, email }),
  choice(2, { do: 'meet', email, token, yes }),
  choice(2, { do: 'login', customer, device }),
  choice(2, { do: 'trust', device, score: fc.nat(10) }),
  choice(3, { do: 'ltv', event }),
  choice(1, { do: 'address', customer, yes }),
  choice(1, { do: 'suspend', customer, yes }),
  choice(2, { do: 'fail', payment, token }),
  choice(3, { do: 'claim', payment, token, n: fc.integer({ min: 1, max: 2 }) }),
  choice(3, { do: 'record', claim: fc.nat(20), answer }),
  choice(1, { do: 'close', payment }),
  choice(1, { do: 'settle', payment }),
);
export type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

/** What the actions are about, and what is known of it so far. Each payment and event belongs to one customer. */
export interface World {
  customers: string[];
  tokens: string[];
  emails: string[];
  devices: string[];
  payments: string[];
  /** What the commands have returned: the methods' ids by customer, the identifiers' ids by `customer/email`. */
  methods: Map<string, Set<string>>;
  identifiers: Map<string, string>;
  /** The charges that may have been sent. */
  claims: { payment_id: string; payment_method_id: string; key: string }[];
  /** The second card of each customer: the same card. */
  sharedCard: ReadonlySet<string>;
  /** Its unresolved charges: from the result that says so until another outcome is sent. */
  unresolved: Set<string>;
  /** The charges for which another outcome than unknown has been sent. */
  resolved: Set<string>;
  /** What was claimed for the shared card while another payment's charge was unresolved throughout. */
  claimedWhileUnresolved: string[];
}

/** Customers with two cards each, ready to be charged, and an open payment for each of them. */
export async function newWorld(graph: Graph, policy: Policy): Promise<World> {
  const make = <T>(count: number, item: () => T) => Array.from({ length: count }, item);
  const devices = await Promise.all(
    make(2, async () => {
      const device_details = { fingerprint: randomUUID() };
      const request = onboardingRequest({ device_details, occurred_at: '2020-01-01T00:00:00Z' });
      return String((await commands.onboard(graph, testHeader(), { request, policy })).device_id);
    }),
  );
  const sharedCard = randomUUID();
  const wallets = await Promise.all(
    make(CUSTOMERS, () => customerWithCards(graph, policy, { cards: 2, fingerprints: ['', sharedCard] })),
  );
  const failures = wallets.map((wallet) => failureOf(wallet));
  for (const failure of failures)
    await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  const world: World = {
    customers: wallets.map(({ customer_id }) => customer_id),
    devices,
    tokens: make(TOKENS, randomToken),
    emails: make(3, randomEmail),
    payments: [...failures.map(({ payment_id }) => payment_id), ...make(3, () => `invoice-${randomUUID()}`)],
    methods: new Map(wallets.map(({ customer_id, methods }) => [customer_id, new Set(methods)])),
    identifiers: new Map(),
    claims: [],
    sharedCard: new Set(wallets.map(({ methods }) => String(methods[1]))),
    unresolved: new Set(),
    resolved: new Set(),
    claimedWhileUnresolved: [],
  };
  await createUnresolvedCharge(graph, policy, world);
  return world;
}

/** One customer's charge of the shared card has been sent, and its outcome is unknown. */
async function createUnresolvedCharge(graph: Graph, policy: Policy, world: World): Promise<void> {
  const [payment_id = ''] = world.payments;
  const [payment_method_id = ''] = world.sharedCard;
  const key = attemptKey(payment_id, payment_method_id, 1);
  const charge = { payment_id, key, policy, now: Date.now() };
  await claimAttempt(graph, testHeader(), { ...charge, payment_method_id, n: 1 });
  await recordAttempt(graph, testHeader(), { ...charge, answer: CHARGE_ANSWERS.unknown });
  world.claims.push({ payment_id, payment_method_id, key });
  world.unresolved.add(key);
}

/** A payment, like an LTV event, belongs to one customer. */
export const ownerOfNumber = (world: World, number: number) => world.customers[number % CUSTOMERS] as string;

const EXPIRES = { expiry_month: 12, expiry_year: 2050 };

/** The command of an action, which may be sent repeatedly; `undefined`: it refers to what does not exist yet. */
export function prepare(
  graph: Graph,
  policy: Policy,
  world: World,
  { action: item, header }: { action: Action; header: CommandHeader },
): (() => Promise<unknown>) | undefined {
  const customer_id = 'customer' in item ? String(world.customers[item.customer]) : '';
  const value = 'email' in item ? String(world.emails[item.email]) : '';
  const paymentOwner = 'payment' in item ? ownerOfNumber(world, item.payment) : '';
  const owner = paymentOwner || customer_id;
  const methods = [...(world.methods.get(owner) ?? [])];
  const payment_method_id = 'token' in item ? (methods[item.token % methods.length] ?? '') : '';
  const method = { customer_id, payment_method_id };
  const by = 'service' as const;
  switch (item.do) {
    case 'addMethod': {
      const details = { type: 'card' as const, token: String(world.tokens[item.token]), ...EXPIRES };
      const input = { customer_id, method: { ...details, off_session_consent: item.yes }, added_by: by };
      return async () => {
        const added = await commands.addPaymentMethod(graph, header, input);
        world.methods.get(customer_id)?.add(added.payment_method_id);
        return added;
      };
    }
    case 'verify': {
      const token = randomToken();
      return () =>
        commands.recordVerification(graph, header, {
          ...method,
          answer: item.yes
            ? { result: 'attached', method: { token, type: 'card' } }
            : { result: 'refused', reason: 'declined', codes: {} },
        });
    }
    case 'status':
      return () =>
        commands.updatePaymentMethodStatus(graph, header, {
          ...method,
          status: item.status,
          reason: 'test',
        });
    case 'default':
      return () => commands.setDefaultPaymentMethod(graph, header, { ...method, by });
    case 'remove':
      return () => commands.removePaymentMethod(graph, header, { ...method, by });
    case 'use':
      return () => commands.recordPaymentMethodUse(graph, header, method);
    case 'consent':
      return () =>
        commands.setOffSessionConsent(graph, header, {
          ...method,
          off_session_consent: item.yes,
          source: by,
        });
    case 'addIdentifier': {
      const input = { customer_id, type: 'email' as const, value, by, policy };
      return async () => {
        const added = await commands.addDigitalIdentifier(graph, header, input);
        world.identifiers.set(`${customer_id}/${value}`, added.identifier_id);
        return added;
      };
    }
    case 'verifyIdentifier':
    case 'removeIdentifier': {
      const identifier_id = world.identifiers.get(`${customer_id}/${value}`);
      if (identifier_id === undefined) return undefined;
      const { verifyDigitalIdentifier: verify, removeDigitalIdentifier: remove } = commands;
      const edit = { customer_id, identifier_id, by };
      return item.do === 'verifyIdentifier'
        ? () => verify(graph, header, { ...edit, evidence: 'the code came back' })
        : () => remove(graph, header, edit);
    }
    case 'meet': {
      const request = onboardingRequest({
        transaction_id: header.idempotencyKey,
        digital_identifiers: [{ type: 'email', value, is_verified: item.yes }],
        payment_method_details: { type: 'card', token: String(world.tokens[item.token]), ...EXPIRES },
      });
      return () => commands.onboard(graph, header, { request, policy });
    }
    case 'login': {
      const device_id = String(world.devices[item.device]);
      return () => commands.recordDeviceLogin(graph, header, { customer_id, device_id, by });
    }
    case 'trust': {
      const device_id = String(world.devices[item.device]);
      const observed_at = header.occurredAt;
      return () =>
        commands.updateDeviceTrustScore(graph, header, {
          device_id,
          trust_score: item.score / 10,
          observed_at,
        });
    }
    case 'ltv':
      return () => {
        const customer = ownerOfNumber(world, item.event);
        const event_id = `${world.customers.join()}:${item.event}`;
        const [first = ''] = world.methods.get(customer) ?? [];
        const outcome = {
          ...{ event_id, transaction_id: event_id, customer_id: customer, payment_method_id: first },
          ...{ succeeded: true, amount: item.event + 1, currency: policy.reportingCurrency },
          occurred_at: header.occurredAt,
        };
        const keyed = { ...header, idempotencyKey: event_id };
        return recordRoutingOutcome(graph, keyed, { outcome, policy });
      };
    case 'address': {
      const type = item.yes ? ('shipping' as const) : ('billing' as const);
      const address = { street1: 'A', city: 'B', zip_code: '1', country: 'US', type };
      return () => commands.addAddress(graph, header, { customer_id, address, is_default: item.yes, by });
    }
    case 'suspend': {
      const next = item.yes ? 'suspended' : 'active';
      return () => commands.setCustomerStatus(graph, header, { customer_id, status: next, reason: 'test' });
    }
    case 'fail': {
      const failure = paymentFailed({
        event_id: header.idempotencyKey,
        payment_id: String(world.payments[item.payment]),
        customer_id: paymentOwner,
        payment_method_id,
      });
      return () => openRecovery(graph, header, { failure, policy, now: Date.now(), claim_first: false });
    }
    case 'claim': {
      const payment_id = String(world.payments[item.payment]);
      const key = attemptKey(payment_id, payment_method_id, item.n);
      const input = { payment_id, payment_method_id, key, n: item.n, policy };
      return async () => {
        const isSharedCard = world.sharedCard.has(payment_method_id);
        const blocking = [...world.unresolved].filter((other) => isSharedCard && other !== key);
        const now = Date.now();
        const claim = await claimAttempt(graph, header, { ...input, now });
        if (claim.result !== 'claimed') return claim;
        world.claims.push({ payment_id, payment_method_id, key });
        // A claim that was made before is returned again.
        const isNew = claim.attempt.claimed_at === now;
        if (isNew && blocking.some((other) => world.unresolved.has(other)))
          world.claimedWhileUnresolved.push(key);
        return claim;
      };
    }
    case 'record': {
      const claimed = world.claims[item.claim % world.claims.length];
      if (claimed === undefined) return undefined;
      const { payment_id, payment_method_id: charged, key } = claimed;
      const input = { payment_id, key, answer: CHARGE_ANSWERS[item.answer], policy };
      return async () => {
        if (item.answer !== 'unknown') {
          world.resolved.add(key);
          world.unresolved.delete(key);
        }
        const recorded = await recordAttempt(graph, header, { ...input, now: Date.now() });
        if (world.sharedCard.has(charged) && !world.resolved.has(key)) world.unresolved.add(key);
        return recorded;
      };
    }
    case 'close': {
      const payment_id = String(world.payments[item.payment]);
      // As a settlement does at any time; only the run closes an obligation unpaid, after every outcome is known.
      const end = { outcome: 'paid_elsewhere', rule: 'test' } as const;
      return () => closeRecovery(graph, header, { payment_id, ...end });
    }
    case 'settle': {
      const settlement = paymentSettled({
        event_id: header.idempotencyKey,
        payment_id: String(world.payments[item.payment]),
        customer_id: paymentOwner,
      });
      return () => openFromSettlement(graph, header, { settlement, policy, now: Date.now() });
    }
  }
}
