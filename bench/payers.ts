/** Customers and their recoveries by the graph's own commands, with keys and callers like those of the processes. */

import { randomUUID } from 'node:crypto';
import type { OnboardingRequest } from '../domain/onboarding.ts';
import type { ChargeAnswer } from '../domain/ports.ts';
import {
  attemptKey,
  onboardingWorkflowId,
  recoveryWorkflowId,
  workflowCaller,
  WorkflowName,
} from '../domain/workflow-contracts.ts';
import type { PaymentFailed } from '../domain/recovery/messages.ts';
import { type CommandHeader, type Graph, onboard, recordVerification } from '../graph/index.ts';
import {
  claimAttempt,
  finishNotice,
  getNoticeContext,
  NOTICES_CALLER,
  openRecovery,
  recordAttempt,
  leaseNotice,
} from '../graph/recovery/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { newCustomerRequest, type Payer } from './customers.ts';

const policy = readPolicy();
const DAY_MS = 24 * 3_600_000;

/** A customer who may be charged with the second card after the first one has failed. */
export interface TwoCardPayer extends Payer {
  charged_method_id: string;
}

/** The input common to all commands. */
export const policyAndNow = () => ({ policy, now: Date.now() });

/** The header of a recovery's command. */
export function recoveryHeader(payment_id: string, idempotencyKey: string): CommandHeader {
  return {
    caller: workflowCaller(WorkflowName.recoverPayment),
    actor: 'persona',
    idempotencyKey,
    correlationId: recoveryWorkflowId(payment_id),
    occurredAt: new Date().toISOString(),
  };
}

/** One checkout: the customer is created or recognised, as by the onboarding process. */
export async function checkOut(graph: Graph, request: OnboardingRequest) {
  const { customer_id, payment_method_id } = await onboard(graph, headerOf(request, request.transaction_id), {
    request,
    policy,
  });
  if (payment_method_id === undefined) throw new Error(`customer ${customer_id} has no card`);
  return { customer_id, payment_method_id };
}

/** A checkout with a new card, which the gateway verifies. @param card the card's token */
export async function checkOutWithNewCard(graph: Graph, visit: OnboardingRequest, card: string) {
  const payment_method_details = cardDetails(card);
  const { customer_id, payment_method_id } = await checkOut(graph, { ...visit, payment_method_details });
  const answer = { result: 'attached', method: { token: card, type: 'card', network: 'visa' } } as const;
  const ids = { customer_id, payment_method_id, gateway_customer_ref: `cus_${customer_id}` };
  const header = headerOf(visit, `verify:${randomUUID()}:${payment_method_id}`);
  await recordVerification(graph, header, { ...ids, answer });
  return { customer_id, payment_method_id };
}

export const newCard = () => `pm_${randomUUID()}`;

export const cardDetails = (token: string) => ({ type: 'card', token, off_session_consent: true }) as const;

function headerOf({ transaction_id, occurred_at }: OnboardingRequest, idempotencyKey: string): CommandHeader {
  return {
    caller: workflowCaller(WorkflowName.onboardCustomer),
    actor: 'checkout',
    idempotencyKey,
    correlationId: onboardingWorkflowId(transaction_id),
    occurredAt: occurred_at,
  };
}

export async function addPayer(graph: Graph): Promise<TwoCardPayer> {
  const first = newCustomerRequest();
  const { device_details } = first;
  const { customer_id, payment_method_id } = await checkOutWithNewCard(graph, first, newCard());
  const secondCheckout = { ...newCustomerRequest(), device_details, digital_identifiers: [], customer_id };
  const second = await checkOutWithNewCard(graph, secondCheckout, newCard());
  return { customer_id, failing_method_id: payment_method_id, charged_method_id: second.payment_method_id };
}

/**
 * One recovery: the failure opens it with its first claim, the charge is approved, the notice is read, leased and sent.
 * @param declines number of preceding declines for insufficient funds, a day apart
 */
export async function recover(graph: Graph, failure: PaymentFailed, declines = 0) {
  const { payment_id, customer_id, event_id } = failure;
  const header = recoveryHeader(payment_id, `open:${randomUUID()}:${event_id}`);
  const opened = await openRecovery(graph, header, { ...policyAndNow(), failure, claim_first: true });
  const first = 'first' in opened.opening ? opened.opening.first : undefined;
  if (first?.claim.result !== 'claimed') throw new Error(`${payment_id}: ${JSON.stringify(opened.opening)}`);
  const { payment_method_id } = first.claim.attempt;
  const refs = { gateway_ref: `pi_${payment_id}`, charge_ref: `ch_${randomUUID()}` };
  for (let n = 1; n <= declines; n += 1) {
    const codes = { decline_code: 'insufficient_funds' };
    await record(graph, { payment_id, payment_method_id, n }, { result: 'declined', ...refs, codes });
    await claimNext(graph, { payment_id, payment_method_id, n: n + 1 });
  }
  await record(
    graph,
    { payment_id, payment_method_id, n: declines + 1 },
    { result: 'approved', ...refs, charge_ref: `ch_${payment_id}` },
  );
  await sendNotice(graph, { payment_id, customer_id });
  return { payment_id, customer_id };
}

interface Attempt {
  payment_id: string;
  payment_method_id: string;
  n: number;
}

async function record(graph: Graph, attempt: Attempt, answer: ChargeAnswer): Promise<void> {
  const { payment_id, payment_method_id, n } = attempt;
  const key = attemptKey(payment_id, payment_method_id, n);
  const header = recoveryHeader(payment_id, `record:${key}:${answer.result}`);
  await recordAttempt(graph, header, { ...policyAndNow(), payment_id, key, answer });
}

async function claimNext(graph: Graph, attempt: Attempt): Promise<void> {
  const { payment_id, payment_method_id, n } = attempt;
  const key = attemptKey(payment_id, payment_method_id, n);
  const now = Date.now() + (n - 1) * DAY_MS;
  const claim = await claimAttempt(graph, recoveryHeader(payment_id, key), { ...attempt, key, policy, now });
  if (claim.result !== 'claimed') throw new Error(`${payment_id}: ${JSON.stringify(claim)}`);
}

async function sendNotice(graph: Graph, ids: { payment_id: string; customer_id: string }): Promise<void> {
  const { payment_id, customer_id } = ids;
  const template = 'recovered';
  const notice = { notification_id: `recovery:${payment_id}:0:${template}:1`, payment_id, template } as const;
  const noticeHeader = { ...recoveryHeader(payment_id, notice.notification_id), caller: NOTICES_CALLER };
  await getNoticeContext(graph, notice);
  await leaseNotice(graph, noticeHeader, {
    ...notice,
    try_id: `${randomUUID()}:1`,
    now: Date.now(),
    limit: 1_000,
  });
  await finishNotice(graph, noticeHeader, { ...notice, customer_id, channel: 'email' });
}
