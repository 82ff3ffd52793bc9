import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { attemptKey, reportedAttemptKey } from '../../domain/processes.ts';
import { begin } from '../../domain/recovery/begin.ts';
import type { Claim, Opening, RecoverySnapshot, ReportedFailure } from '../../domain/recovery/claims.ts';
import { decide } from '../../domain/recovery/decide.ts';

import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { openWallet, type Wallet, type WalletMethod } from '../wallet/wallet.ts';
import { applyDecline, classifyFailure, type FailureDecision, unmappedOf } from './apply-decline.ts';
import { claim } from './claim-attempt.ts';
import { endedOthers } from './ended-others.ts';
import { findObligation, type ObligationWithAttempts } from './read.ts';
import { type AttemptNode, closedObligation, isClosed, newestReport } from './records.ts';
import { refusalOf } from './refusal.ts';
import { type FailedObligation, isFailed, resumedSnapshot, snapshotOf } from './snapshot.ts';

export interface OpenRecoveryInput {
  failure: PaymentFailed;
  policy: Policy;
  /** Epoch milliseconds. */
  now: number;
  /** Claim the first alternative in the same transaction, if one is due at once. */
  claim_first: boolean;
}

type Refusal = Extract<Opening, { result: 'refused' }>;

/** What is known before anything is decided, read under the customer's lock. */
interface Scene {
  tx: CommandTx;
  input: OpenRecoveryInput;
  customer: CustomerNode;
  wallet: Wallet;
  /** The method that failed; it may have been removed from the wallet since. */
  method: Readonly<WalletMethod>;
  known?: ObligationWithAttempts;
  decision: FailureDecision;
}

/**
 * Writes a reported failure down and opens, reopens or leaves alone its obligation (specification: workflows, 2).
 * A duplicate, an older or a stale failure changes nothing; a closed obligation says how it ended.
 *
 * @returns also the customer's other recoveries that the failure ends
 */
export function openRecovery(
  graph: Graph,
  header: CommandHeader,
  input: OpenRecoveryInput,
): Promise<{ opening: Opening; others: string[] }> {
  const { failure } = input;
  // A run that began with a report may hear it again and then claims nothing at once: it is the same report all the same.
  return runCommand(graph, header, 'openRecovery', { failure }, async (tx) => {
    const scene = await look(tx, input);
    if ('result' in scene) return { opening: scene, others: [] };
    const opening = await decideOpening(scene);
    const { payment_id, customer_id, payment_method_id } = input.failure;
    const ids = { payment_id, customer_id, payment_method_id };
    const taught = opening.result !== 'unchanged' && opening.result !== 'ignored';
    return { opening, others: taught ? await endedOthers(tx, scene.decision, ids) : [] };
  });
}

async function decideOpening(scene: Scene): Promise<Opening> {
  const { tx, input, known } = scene;
  if (!known) return isStale(input) ? ignored(tx) : opened(scene, 'opened');
  if (!isNews(known, input)) return unchanged(scene, known);
  if (!isClosed(known.obligation)) return noted(scene, known);
  const mayReopen = known.obligation.state === 'exhausted' || known.obligation.state === 'cancelled';
  if (mayReopen) return opened(scene, 'reopened');
  // Nothing can be recovered any more, but what the report teaches about its method counts.
  writeReport(scene);
  return { result: 'closed', obligation: closedObligation(known.obligation, known.attempts) };
}

async function look(tx: CommandTx, input: OpenRecoveryInput): Promise<Scene | Refusal> {
  const { failure } = input;
  let customer: CustomerNode;
  try {
    customer = await tx.lockCustomer(failure.customer_id);
  } catch (error) {
    if (!(error instanceof PersonaError) || error.type !== 'customer_not_found') throw error;
    return refused(tx, 'customer_not_found', 'customer_id', 'is no customer of ours');
  }
  const [wallet, known] = await Promise.all([
    openWallet(tx, customer.id),
    findObligation(tx, failure.payment_id),
  ]);
  const refusal = refusalOf(failure, wallet.methods, known?.obligation, input.now);
  if (refusal) return refused(tx, refusal.type, refusal.problem.field, refusal.problem.message);
  const method = wallet.methods.find((one) => one.payment_method_id === failure.payment_method_id);
  if (!method) throw new Error(`method ${failure.payment_method_id} was there a moment ago`);
  const decision = classifyFailure(failure, method);
  return { tx, input, customer, wallet, method, ...(known ? { known } : {}), decision };
}

/**
 * Neither a duplicate, nor older than what is applied, nor too old to act on. The first failure of a payment that a
 * settlement has closed in advance is news, although it lies before the settlement, as it nearly always does.
 */
function isNews({ obligation, attempts }: ObligationWithAttempts, input: OpenRecoveryInput): boolean {
  const { failure } = input;
  const isDuplicate = attempts.some((attempt) => attempt.key === reportedAttemptKey(failure.event_id));
  const applied = obligation.last_failure_at ?? newestReport(attempts)?.claimed_at;
  const isNewer = applied === undefined || Date.parse(failure.occurred_at) > Date.parse(applied);
  return !isDuplicate && isNewer && !isStale(input);
}

function isStale({ failure, policy, now }: OpenRecoveryInput): boolean {
  return now - Date.parse(failure.occurred_at) > policy.recovery.maxEventAge;
}

/** Nothing was written, so nothing is remembered: the same report is judged anew. */
function ignored(tx: CommandTx): Opening {
  tx.forget();
  return { result: 'ignored' };
}

function refused(tx: CommandTx, type: Refusal['type'], field: string, message: string): Refusal {
  tx.forget();
  return { result: 'refused', type, problems: [{ field, message }] };
}

async function opened(scene: Scene, result: 'opened' | 'reopened'): Promise<Opening> {
  const { tx, input, customer, known } = scene;
  const { policy, now } = input;
  const obligation = newObligation(scene);
  const { payment_id, failed_payment_method_id, rule, last_failure_at, opened_at, closes_at } = obligation;
  const { amount, currency, kind, description = null, reported_ref = null, failed_was_default } = obligation;
  const common = {
    payment_id,
    failed_payment_method_id,
    rule,
    last_failure_at,
    opened_at,
    closes_at,
    failed_was_default,
    reported_ref,
  };
  const stream = { stream: 'customer', stream_id: customer.id } as const;
  if (result === 'reopened') tx.append({ ...stream, type: 'RecoveryReopened', data: common });
  else
    tx.append({
      ...stream,
      type: 'RecoveryOpened',
      data: { ...common, amount, currency, kind, description },
    });
  writeReport(scene);
  const attempts = known?.attempts ?? [];
  const recovery = await snapshotOf(tx, { obligation, attempts, failure: reportOf(scene) }, policy, now);
  const first = input.claim_first ? await claimFirst(scene, obligation, attempts, recovery) : undefined;
  return { result, recovery, ...(first ? { first } : {}) };
}

function newObligation({ tx, input, customer, method, decision, known }: Scene) {
  const { failure, policy, now } = input;
  return {
    payment_id: failure.payment_id,
    customer_id: customer.id,
    failed_payment_method_id: method.payment_method_id,
    amount: failure.amount,
    currency: failure.currency,
    kind: known?.obligation.kind ?? failure.kind,
    ...(failure.description === undefined ? {} : { description: failure.description }),
    ...(failure.gateway_payment_ref === undefined ? {} : { reported_ref: failure.gateway_payment_ref }),
    state: 'open',
    rule: decision.rule,
    last_failure_at: failure.occurred_at,
    opened_at: new Date(now).toISOString(),
    closes_at: new Date(now + policy.recovery.window).toISOString(),
    failed_was_default: method.is_default,
    changed_seq: tx.versionOf(customer.id),
  } satisfies FailedObligation;
}

async function noted(scene: Scene, { obligation, attempts }: ObligationWithAttempts): Promise<Opening> {
  const { tx, input } = scene;
  if (!isFailed(obligation)) throw new Error(`obligation ${obligation.payment_id} is open without a failure`);
  writeReport(scene);
  const failure = reportOf(scene);
  return {
    result: 'noted',
    recovery: await snapshotOf(tx, { obligation, attempts, failure }, input.policy, input.now),
  };
}

/** The state as it is: for a run that finds an obligation that another run has left. */
async function unchanged({ tx, input }: Scene, known: ObligationWithAttempts): Promise<Opening> {
  tx.forget();
  if (isClosed(known.obligation)) {
    return { result: 'closed', obligation: closedObligation(known.obligation, known.attempts) };
  }
  return { result: 'unchanged', recovery: await resumedSnapshot(tx, known, input.policy, input.now) };
}

/** The failure as an attempt that others made, and what its class does to the method. */
function writeReport({ tx, input, customer, wallet, decision, method }: Scene): void {
  const { failure } = input;
  const state = failure.status ?? 'declined';
  tx.append({
    stream: 'customer',
    stream_id: customer.id,
    type: 'RecoveryAttempted',
    data: {
      key: reportedAttemptKey(failure.event_id),
      n: null,
      source: 'reported',
      payment_id: failure.payment_id,
      payment_method_id: method.payment_method_id,
      network: decision.network ?? null,
      amount: failure.amount,
      currency: failure.currency,
      state,
      class: decision.class,
      rule: decision.rule,
      code: decision.code ?? null,
      gateway_ref: null,
      payment_ref: null,
      attempted_at: failure.occurred_at,
      resolved_at: state === 'declined' ? failure.occurred_at : null,
      ...unmappedOf(decision),
    },
  });
  // An outcome that is not known teaches nothing about the method yet.
  if (state === 'declined') applyDecline(wallet, method.payment_method_id, decision, failure.occurred_at);
}

function reportOf({ input, decision, method }: Scene): ReportedFailure {
  const { failure } = input;
  return {
    event_id: failure.event_id,
    payment_method_id: method.payment_method_id,
    status: failure.status ?? 'declined',
    class: decision.class,
    rule: decision.rule,
    ...(decision.code ? { code: decision.code } : {}),
    tell_chimera: decision.tellChimera,
    ...(decision.notBefore === undefined ? {} : { not_before: decision.notBefore }),
    occurred_at: failure.occurred_at,
  };
}

/** The claim that the recovery's own rules ask for first; asking them here saves a round through Temporal. */
async function claimFirst(
  { tx, input, customer, wallet }: Scene,
  obligation: FailedObligation,
  attempts: readonly AttemptNode[],
  recovery: RecoverySnapshot,
): Promise<{ payment_method_id: string; claim: Claim } | undefined> {
  const { policy, now } = input;
  const step = decide(begin(recovery), now);
  if (step.do !== 'claim') return undefined;
  const { payment_id } = obligation;
  const { payment_method_id } = step.candidate;
  const key = attemptKey(payment_id, payment_method_id, step.n);
  const asked = { payment_id, payment_method_id, key, n: step.n, policy, now };
  const answer = await claim(tx, { ...asked, obligation, attempts, customer, wallet: wallet.methods });
  return { payment_method_id, claim: answer };
}
