/** What others do at the gateway: they collect, refund and contest payments, and cards change without Persona. */

import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { signalRecovery } from '../../../temporal/starts.ts';
import type { CardPlan, failureOf, TestCustomer } from '../customers.ts';
import type { FaultSystem } from '../system.ts';
import { isOwn, type LedgerEntry } from './found.ts';
import { Interrupted } from './kills.ts';
import type { Deed, WrongReference } from './plan.ts';

export type Failure = ReturnType<typeof failureOf> & { gateway_payment_ref?: string };

/** Payments at the gateway that Persona did not make. */
export interface Others {
  /** Payment of the gateway to `payment_id`: those that the reports name. */
  reported: Record<string, string>;
  /** Those that have nothing to do with any obligation, although settlements name them. */
  unrelated: string[];
  /** What needs a charge of Persona's own, and had none in its time: done once everything has come to rest. */
  postponed: OthersDeed[];
  at_rest: boolean;
}

export type OthersDeed = Extract<
  Deed,
  { do: 'pay_reported' | 'pay_otherwise' | 'refund' | 'dispute' | 'warn_of_fraud' | 'settle_wrongly' }
>;

/** For so long a deed that needs a success waits for one. */
const SUCCESS_MS = 45_000;

const keyOf = (what: string, payment: string) => `others:${what}:${payment}`;
export const isByOthers = ({ idempotency_key: key }: Pick<LedgerEntry, 'idempotency_key'>) =>
  key === null || key.startsWith('others:');

/**
 * Asked again while the gateway is away (it throws); `undefined`: refused.
 * @throws Interrupted for a request that the gateway died of: under its key the same answer comes for ever
 */
async function ask(
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
  if (response.status === 500) throw new Interrupted(`${path}: ${text}`);
  if (response.status === 429 || response.status === 409 || response.status >= 500)
    throw new Error(`${response.status}: ${text}`);
  return response.ok ? (JSON.parse(text) as { id: string }) : undefined;
}

/** The card that its customer types in elsewhere: no token that Persona knows. */
async function cardElsewhere(system: FaultSystem, customer: string): Promise<string> {
  const id = `pm_elsewhere_${customer}`;
  await ask(system, `/_sim/payment_methods/${id}`, {
    method: 'PUT',
    json: { type: 'card', customer: `cus_${customer}` },
  });
  return id;
}

async function make(
  system: FaultSystem,
  what: string,
  failure: Failure,
  {
    paid,
    metadata,
    customer_id = failure.customer_id,
  }: { paid: boolean; metadata?: string; customer_id?: string },
): Promise<string> {
  const method = await cardElsewhere(system, customer_id);
  const made = await ask(system, '/v1/payment_intents', {
    key: keyOf(what, failure.payment_id),
    form: {
      ...{ amount: String(failure.amount), currency: failure.currency.toLowerCase() },
      ...{ customer: `cus_${customer_id}`, 'payment_method_types[]': 'card' },
      ...(metadata && { 'metadata[payment_id]': metadata }),
      ...(paid && { payment_method: method, off_session: 'true', confirm: 'true' }),
    },
  });
  if (made === undefined) throw new Error(`the gateway refused others' payment (${what})`);
  return made.id;
}

/** The payment that the report will name. */
export const makeReported = (system: FaultSystem, failure: Failure): Promise<string> =>
  make(system, 'reported', failure, { paid: false });

export async function actElsewhere(
  deed: OthersDeed,
  system: FaultSystem,
  { failure, another, others }: { failure: Failure; another: TestCustomer; others: Others },
): Promise<void> {
  switch (deed.do) {
    case 'pay_reported': {
      const payment_method = await cardElsewhere(system, failure.customer_id);
      // Refused once it is paid or cancelled.
      await ask(system, `/v1/payment_intents/${failure.gateway_payment_ref}/confirm`, {
        ...{ key: keyOf('confirm', failure.payment_id), form: { payment_method } },
      });
      return;
    }
    case 'pay_otherwise':
      if (deed.after_ours && !(await firstSuccess(system, failure, isOwn))) return;
      await make(system, 'otherwise', failure, { paid: true, metadata: failure.payment_id });
      return;
    case 'settle_wrongly':
      return settleWrongly(deed.with, system, { failure, another, others });
    default:
      return moveBack(deed, system, failure, others);
  }
}

async function settleWrongly(
  wrong: WrongReference,
  system: FaultSystem,
  { failure, another, others }: { failure: Failure; another: TestCustomer; others: Others },
): Promise<void> {
  const { payment_id, customer_id, amount } = failure;
  const reference = {
    another_customer: () => make(system, wrong, failure, { paid: true, customer_id: another.id }),
    last_month: () => make(system, wrong, failure, { paid: true, metadata: `last-month-${payment_id}` }),
    unpaid: () => make(system, wrong, failure, { paid: false }),
    another_amount: () => make(system, wrong, { ...failure, amount: amount + 1 }, { paid: true }),
    nothing: async () => `pi_unknown_${payment_id}`,
  }[wrong];
  const gateway_payment_ref = await reference();
  if (wrong !== 'nothing') others.unrelated.push(gateway_payment_ref);
  await signalRecovery(system.client, 'paymentSettled', {
    ...{ event_id: `settled-wrongly-${payment_id}`, payment_id, customer_id, gateway_payment_ref },
    settled_at: new Date().toISOString(),
  });
}

/** The first charge that stands, as soon as there is one: most payments are collected long after their failure, or never. */
async function firstSuccess(
  system: FaultSystem,
  { payment_id, gateway_payment_ref }: Failure,
  by: (row: Row) => boolean,
  patience = SUCCESS_MS,
): Promise<Row | undefined> {
  for (const limit = Date.now() + patience; ; await setTimeout(1_000)) {
    const ledger = await readLedger(system).catch(() => []);
    const standing = ledger.find(
      (row) =>
        (row.payment_id === payment_id || row.payment_intent === gateway_payment_ref) &&
        row.status === 'succeeded' &&
        by(row),
    );
    if (standing || Date.now() >= limit) return standing;
  }
}

/**
 * Of a charge of Persona's own, whose card is in a wallet, or of others where Persona charges nothing; of none where
 * nothing succeeds.
 */
async function moveBack(
  deed: Extract<OthersDeed, { do: 'refund' | 'dispute' | 'warn_of_fraud' }>,
  system: FaultSystem,
  failure: Failure,
  { at_rest, postponed }: Others,
): Promise<void> {
  const { payment_id } = failure;
  const standing =
    (await firstSuccess(system, failure, isOwn, at_rest ? 0 : SUCCESS_MS)) ??
    (at_rest ? await firstSuccess(system, failure, () => true, 0) : undefined);
  if (standing === undefined) {
    if (!at_rest) postponed.push(deed);
    return;
  }
  const { charge } = standing;
  if (deed.do === 'refund') {
    await ask(system, '/v1/refunds', {
      ...{ key: keyOf('refund', payment_id), form: { charge, 'metadata[by]': 'others' } },
    });
  } else if (deed.do === 'dispute') {
    const opened = await ask(system, `/_sim/charges/${charge}/dispute`, { json: { reason: deed.reason } });
    if (opened && deed.end)
      await ask(system, `/_sim/disputes/${opened.id}`, { method: 'PUT', json: { status: deed.end } });
  } else {
    await ask(system, `/_sim/charges/${charge}/fraud_warning`, { json: {} });
  }
}

/** The bank gives the card another number, or it is detached: the gateway announces both by webhook. */
export async function changeCard(
  system: FaultSystem,
  token: string,
  { script = [], then }: CardPlan,
  change: 'reissue' | 'detach',
): Promise<void> {
  const changes = change === 'detach' ? { customer: null } : { card: { fingerprint: `reissued-${token}` } };
  await ask(system, `/_sim/payment_methods/${token}`, { method: 'PUT', json: { script, then, ...changes } });
}

/** The gateway announces every success of others and every dispute once more: what it announced while it was killed is lost in the simulator, not at Stripe. */
export async function announceAgain(system: FaultSystem, failures: readonly Failure[]): Promise<void> {
  const ledger = (await readLedger(system)).filter(
    (entry) => isByOthers(entry) && entry.status === 'succeeded',
  );
  for (const { payment_id, gateway_payment_ref } of failures)
    for (const { payment_intent } of ledger.filter(
      (entry) => entry.payment_id === payment_id || entry.payment_intent === gateway_payment_ref,
    ))
      await signalRecovery(system.client, 'chargeResult', {
        ...{ event_id: randomUUID(), payment_id, gateway_ref: payment_intent, result: 'approved' },
      });
  for (const { id, status } of await list<{ id: string; status: string }>(system, 'disputes'))
    await ask(system, `/_sim/disputes/${id}`, { method: 'PUT', json: { status } });
}

type Row = Omit<LedgerEntry, 'contested' | 'refunded_by'> & { charge: string };

async function readLedger({ persona }: FaultSystem): Promise<Row[]> {
  const response = await fetch(`${persona.addresses.gateway}/_sim/charges`);
  return ((await response.json()) as { data: Row[] }).data;
}

/** All charges of these payments; those on payments that reports name under the obligation's id. */
export async function ledgerOf(
  system: FaultSystem,
  payments: readonly string[],
  { reported }: Others,
): Promise<LedgerEntry[]> {
  const [rows, refunds, disputes] = await Promise.all([
    readLedger(system),
    list<{ id: string; charge: string; metadata: { by?: string } }>(system, 'refunds'),
    list<{ id: string; charge: string }>(system, 'disputes'),
  ]);
  const contested = new Set(disputes.map(({ charge }) => charge));
  const refundedBy = new Map(
    refunds.map(({ charge, metadata }) => [charge, metadata.by === 'others' ? 'others' : 'persona'] as const),
  );
  return rows
    .map(({ charge, ...row }) => ({
      ...row,
      payment_id: row.payment_id ?? reported[row.payment_intent] ?? '',
      contested: contested.has(charge),
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
