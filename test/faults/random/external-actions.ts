/** External actions at the gateway: payments, refunds, disputes, and changes of cards without Persona. */

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { PaymentFailed } from '../../../domain/recovery/messages.ts';
import { signalWithStartRecovery } from '../../../temporal/workflow-client.ts';
import { paymentSettled } from '../../scenarios/reports.ts';
import type { CardPlan } from '../../scenarios/wallet-plan.ts';
import type { TestCustomer } from '../customer-fixtures.ts';
import type { FaultSystem } from '../system.ts';
import { isPersonaCharge, type LedgerEntry } from './observed-state.ts';
import { InterruptedRequestError } from './kills.ts';
import type { PlannedAction, MismatchedReference } from './plan.ts';

/** Payments at the gateway that Persona did not make. */
export interface ExternalPayments {
  /** The payments that reports name: payment at the gateway to `payment_id`. */
  reported: Record<string, string>;
  /** Payments unrelated to any obligation, although settlements name them. */
  unrelated: string[];
  /** Actions that need a charge of Persona's own and found none in time: performed once the run is quiescent. */
  postponed: ExternalAction[];
  quiescent: boolean;
}

/** What a random run has created. */
export interface RunState {
  customers: TestCustomer[];
  failures: PaymentFailed[];
  external: ExternalPayments;
}

export type ExternalAction = Extract<
  PlannedAction,
  { do: 'pay_reported' | 'pay_otherwise' | 'refund' | 'dispute' | 'warn_of_fraud' | 'settle_wrongly' }
>;

/** How long an action that needs a success waits for one. */
const SUCCESS_TIMEOUT_MS = 45_000;

const idempotencyKeyOf = (what: string, payment: string) => `others:${what}:${payment}`;
export const isExternalCharge = ({ idempotency_key: key }: Pick<LedgerEntry, 'idempotency_key'>) =>
  key === null || key.startsWith('others:');

/**
 * @returns undefined if the gateway refuses
 * @throws InterruptedRequestError if the gateway died during the request: its key replays the same response permanently
 * @throws Error while the gateway is down; the request may be repeated
 */
async function gatewayRequest(
  { persona }: Pick<FaultSystem, 'persona'>,
  path: string,
  {
    method = 'POST',
    ...options
  }: { method?: string; key?: string; form?: Record<string, string>; json?: object },
): Promise<{ id: string } | undefined> {
  const { key, form, json } = options;
  const response = await fetch(`${persona.addresses.gateway}${path}`, {
    method,
    headers: { authorization: 'Bearer sk_test_others', ...(key && { 'idempotency-key': key }) },
    ...(method === 'GET' ? {} : { body: form ? new URLSearchParams(form) : JSON.stringify(json ?? {}) }),
  });
  const text = await response.text();
  if (response.status === 500) throw new InterruptedRequestError(`${path}: ${text}`);
  if (response.status === 429 || response.status === 409 || response.status >= 500)
    throw new Error(`${response.status}: ${text}`);
  return response.ok ? (JSON.parse(text) as { id: string }) : undefined;
}

/** A card that the customer enters elsewhere, with a token that Persona does not know. */
async function createExternalCard(system: FaultSystem, customer: string): Promise<string> {
  const id = `pm_elsewhere_${customer}`;
  await gatewayRequest(system, `/_sim/payment_methods/${id}`, {
    method: 'PUT',
    json: { type: 'card', customer: `cus_${customer}` },
  });
  return id;
}

async function createExternalPayment(
  system: FaultSystem,
  what: string,
  failure: PaymentFailed,
  {
    paid,
    metadata,
    customer_id = failure.customer_id,
  }: { paid: boolean; metadata?: string; customer_id?: string },
): Promise<string> {
  const method = await createExternalCard(system, customer_id);
  const payment = await gatewayRequest(system, '/v1/payment_intents', {
    key: idempotencyKeyOf(what, failure.payment_id),
    form: {
      ...{ amount: String(failure.amount), currency: failure.currency.toLowerCase() },
      ...{ customer: `cus_${customer_id}`, 'payment_method_types[]': 'card' },
      ...(metadata && { 'metadata[payment_id]': metadata }),
      ...(paid && { payment_method: method, off_session: 'true', confirm: 'true' }),
    },
  });
  if (payment === undefined) throw new Error(`the gateway refused the external payment (${what})`);
  return payment.id;
}

/** The payment that the report will name. */
export const createReportedPayment = (system: FaultSystem, failure: PaymentFailed): Promise<string> =>
  createExternalPayment(system, 'reported', failure, { paid: false });

export async function performExternalAction(
  action: ExternalAction,
  system: FaultSystem,
  {
    failure,
    otherCustomer,
    external,
  }: { failure: PaymentFailed; otherCustomer: TestCustomer; external: ExternalPayments },
): Promise<void> {
  switch (action.do) {
    case 'pay_reported': {
      const payment_method = await createExternalCard(system, failure.customer_id);
      // The gateway refuses if it is already paid or cancelled.
      await gatewayRequest(system, `/v1/payment_intents/${failure.gateway_payment_ref}/confirm`, {
        ...{ key: idempotencyKeyOf('confirm', failure.payment_id), form: { payment_method } },
      });
      return;
    }
    case 'pay_otherwise':
      if (action.after_own_charge && !(await waitForSuccess(system, failure, isPersonaCharge))) return;
      await createExternalPayment(system, 'otherwise', failure, { paid: true, metadata: failure.payment_id });
      return;
    case 'settle_wrongly':
      return sendMismatchedSettlement(action.with, system, { failure, otherCustomer, external });
    default:
      return reverseCharge(action, system, failure, external);
  }
}

async function sendMismatchedSettlement(
  mismatch: MismatchedReference,
  system: FaultSystem,
  {
    failure,
    otherCustomer,
    external,
  }: { failure: PaymentFailed; otherCustomer: TestCustomer; external: ExternalPayments },
): Promise<void> {
  const { payment_id, customer_id, amount } = failure;
  const reference = {
    another_customer: () =>
      createExternalPayment(system, mismatch, failure, { paid: true, customer_id: otherCustomer.id }),
    last_month: () =>
      createExternalPayment(system, mismatch, failure, { paid: true, metadata: `last-month-${payment_id}` }),
    unpaid: () => createExternalPayment(system, mismatch, failure, { paid: false }),
    another_amount: () =>
      createExternalPayment(system, mismatch, { ...failure, amount: amount + 1 }, { paid: true }),
    nothing: async () => `pi_unknown_${payment_id}`,
  }[mismatch];
  const gateway_payment_ref = await reference();
  if (mismatch !== 'nothing') external.unrelated.push(gateway_payment_ref);
  const event_id = `settled-wrongly-${payment_id}`;
  const settlement = paymentSettled({ event_id, payment_id, customer_id, gateway_payment_ref });
  await signalWithStartRecovery(system.client, 'paymentSettled', settlement);
}

/** The first successful charge, once there is one: most payments are collected long after their failure, or never. */
async function waitForSuccess(
  system: FaultSystem,
  { payment_id, gateway_payment_ref }: PaymentFailed,
  by: (row: LedgerRow) => boolean,
  patience = SUCCESS_TIMEOUT_MS,
): Promise<LedgerRow | undefined> {
  for (const limit = Date.now() + patience; ; await setTimeout(1_000)) {
    const ledger = await readLedger(system).catch(() => []);
    const success = ledger.find(
      (row) =>
        (row.payment_id === payment_id || row.payment_intent === gateway_payment_ref) &&
        row.status === 'succeeded' &&
        by(row),
    );
    if (success || Date.now() >= limit) return success;
  }
}

/**
 * Reverses a charge of Persona's own, whose card is in a wallet, or an external one if Persona has charged nothing;
 * none if nothing succeeds.
 */
async function reverseCharge(
  action: Extract<ExternalAction, { do: 'refund' | 'dispute' | 'warn_of_fraud' }>,
  system: FaultSystem,
  failure: PaymentFailed,
  { quiescent, postponed }: ExternalPayments,
): Promise<void> {
  const { payment_id } = failure;
  const success =
    (await waitForSuccess(system, failure, isPersonaCharge, quiescent ? 0 : SUCCESS_TIMEOUT_MS)) ??
    (quiescent ? await waitForSuccess(system, failure, () => true, 0) : undefined);
  if (success === undefined) {
    if (!quiescent) postponed.push(action);
    return;
  }
  const { charge } = success;
  if (action.do === 'refund') {
    await gatewayRequest(system, '/v1/refunds', {
      ...{ key: idempotencyKeyOf('refund', payment_id), form: { charge, 'metadata[by]': 'others' } },
    });
  } else if (action.do === 'dispute') {
    const opened = await gatewayRequest(system, `/_sim/charges/${charge}/dispute`, {
      json: { reason: action.reason },
    });
    if (opened && action.end)
      await gatewayRequest(system, `/_sim/disputes/${opened.id}`, {
        method: 'PUT',
        json: { status: action.end },
      });
  } else {
    await gatewayRequest(system, `/_sim/charges/${charge}/fraud_warning`, { json: {} });
  }
}

/** The bank reissues the card, or it is detached: the gateway reports both by webhook. */
export async function changeCard(
  system: FaultSystem,
  token: string,
  { script = [], then }: CardPlan,
  change: 'reissue' | 'detach',
): Promise<void> {
  const changes = change === 'detach' ? { customer: null } : { card: { fingerprint: `reissued-${token}` } };
  await gatewayRequest(system, `/_sim/payment_methods/${token}`, {
    method: 'PUT',
    json: { script, then, ...changes },
  });
}

/**
 * The gateway reports every external success and every dispute once more: events during a kill are lost in the
 * simulator, not at Stripe.
 */
export async function replayGatewayEvents(
  system: FaultSystem,
  failures: readonly PaymentFailed[],
): Promise<void> {
  const ledger = (await readLedger(system)).filter(
    (entry) => isExternalCharge(entry) && entry.status === 'succeeded',
  );
  for (const { payment_id, gateway_payment_ref } of failures)
    for (const { payment_intent } of ledger.filter(
      (entry) => entry.payment_id === payment_id || entry.payment_intent === gateway_payment_ref,
    ))
      await signalWithStartRecovery(system.client, 'chargeResult', {
        ...{ event_id: randomUUID(), payment_id, gateway_ref: payment_intent, result: 'approved' },
      });
  for (const { id, status } of await list<{ id: string; status: string }>(system, 'disputes'))
    await gatewayRequest(system, `/_sim/disputes/${id}`, { method: 'PUT', json: { status } });
}

type LedgerRow = Omit<LedgerEntry, 'disputed' | 'refunded_by'> & { charge: string };

async function readLedger({ persona }: FaultSystem): Promise<LedgerRow[]> {
  const response = await fetch(`${persona.addresses.gateway}/_sim/charges`);
  return ((await response.json()) as { data: LedgerRow[] }).data;
}

/** All charges of these payments; those on payments named by reports have the obligation's id. */
export async function ledgerOf(
  system: FaultSystem,
  payments: readonly string[],
  { reported }: ExternalPayments,
): Promise<LedgerEntry[]> {
  const [rows, refunds, disputes] = await Promise.all([
    readLedger(system),
    list<{ id: string; charge: string; metadata: { by?: string } }>(system, 'refunds'),
    list<{ id: string; charge: string }>(system, 'disputes'),
  ]);
  const disputed = new Set(disputes.map(({ charge }) => charge));
  const refundedBy = new Map(
    refunds.map(({ charge, metadata }) => [charge, metadata.by === 'others' ? 'others' : 'persona'] as const),
  );
  return rows
    .map(({ charge, ...row }) => ({
      ...row,
      payment_id: row.payment_id ?? reported[row.payment_intent] ?? '',
      disputed: disputed.has(charge),
      refunded_by: refundedBy.get(charge) ?? null,
    }))
    .filter(({ payment_id }) => payments.includes(payment_id));
}

async function list<T extends { id: string }>({ persona }: FaultSystem, what: string): Promise<T[]> {
  const all: T[] = [];
  for (let after = ''; ; ) {
    const response = await fetch(`${persona.addresses.gateway}/v1/${what}?limit=100${after}`, {
      headers: { authorization: 'Bearer sk_test_others' },
    });
    const { data, has_more } = (await response.json()) as { data: T[]; has_more: boolean };
    all.push(...data);
    if (!has_more) return all;
    after = `&starting_after=${data.at(-1)?.id}`;
  }
}
