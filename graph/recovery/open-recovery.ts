import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { attemptKey, reportedAttemptKey } from '../../domain/processes.ts';
import type { Claim, Opening, RecoverySnapshot, ReportedFailure } from '../../domain/recovery/claims.ts';
import { begin } from '../../domain/recovery/evolve.ts';
import { decide } from '../../domain/recovery/decide.ts';
import type { PaymentFailed } from '../../domain/recovery/messages.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx, CustomerNode } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { alternativesOf } from '../queries/alternative-payment-methods.ts';
import { applyDecline, classifyFailure, type FailureDecision } from './apply-decline.ts';
import { claim } from './claim-attempt.ts';
import { findObligation, type ObligationWithAttempts } from './read.ts';
import { type AttemptNode, closedObligation, isClosed, type MethodNode, ownAttempts, type ObligationNode, type WalletEdge } from './records.ts';

export interface OpenRecoveryInput {
  failure: PaymentFailed;
  policy: Policy;
  /** Epoch milliseconds. */
  now: number;
  /** Claim the first alternative in the same transaction, if one is due at once. */
  claim_first: boolean;
}

/** What is known before anything is decided. */
interface Scene {
  tx: CommandTx;
  input: OpenRecoveryInput;
  customer: CustomerNode;
  method: MethodNode;
  edge: WalletEdge;
  known?: ObligationWithAttempts;
  decision: FailureDecision;
}

/**
 * Writes a reported failure down and opens, reopens or leaves alone its obligation (specification: workflows 2).
 * A duplicate, an older or a stale failure changes nothing; a closed obligation says how it ended.
 */
export async function openRecovery(graph: Graph, header: CommandHeader, input: OpenRecoveryInput): Promise<Opening> {
  const { failure } = input;
  return runCommand(graph, header, 'openRecovery', { failure }, async (tx) => {
    const scene = await look(tx, input);
    if ('result' in scene) return scene;
    const { known } = scene;
    if (!known) return isStale(input) ? ignored(tx) : opened(scene, 'opened');
    if (known.attempts.some((attempt) => attempt.key === reportedAttemptKey(failure.event_id))) {
      return unchanged(scene, known);
    }
    const newer = Date.parse(failure.occurred_at) > Date.parse(known.obligation.last_failure_at ?? known.obligation.opened_at);
    const acts = newer && !isStale(input);
    if (!acts) return unchanged(scene, known);
    if (!isClosed(known.obligation)) return noted(scene, known);
    const mayReopen = known.obligation.state === 'exhausted' || known.obligation.state === 'cancelled';
    return mayReopen ? opened(scene, 'reopened') : unchanged(scene, known);
  });
}

const READ_METHOD = `
  MATCH (:Customer {id: $customer_id})-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod {id: $payment_method_id})
  RETURN properties(p) AS method, properties(h) AS edge`;

async function look(tx: CommandTx, input: OpenRecoveryInput): Promise<Scene | Extract<Opening, { result: 'refused' }>> {
  const { failure } = input;
  let customer: CustomerNode;
  try {
    customer = await tx.lockCustomer(failure.customer_id);
  } catch (error) {
    if (!(error instanceof PersonaError) || error.type !== 'customer_not_found') throw error;
    return refused(tx, 'customer_not_found', 'customer_id', 'is no customer of ours');
  }
  const [[row], known] = await Promise.all([
    tx.run<{ method: MethodNode; edge: WalletEdge }>(READ_METHOD, {
      customer_id: failure.customer_id,
      payment_method_id: failure.payment_method_id,
    }),
    findObligation(tx, failure.payment_id),
  ]);
  if (!row) return refused(tx, 'payment_method_not_found', 'payment_method_id', 'is no method of this customer');
  const problem = known && mismatch(known.obligation, failure);
  if (problem) return refused(tx, 'obligation_mismatch', problem.field, problem.message);
  return { tx, input, customer, ...row, ...(known ? { known } : {}), decision: classifyFailure(failure, row.method) };
}

/** Which field says something else than what is known of this payment. */
export function mismatch(
  obligation: Pick<ObligationNode, 'customer_id' | 'amount' | 'currency'>,
  failure: PaymentFailed,
): { field: string; message: string } | undefined {
  if (obligation.customer_id !== failure.customer_id) {
    return { field: 'customer_id', message: 'is not the customer who owes this payment' };
  }
  if (obligation.amount !== undefined && obligation.amount !== failure.amount) {
    return { field: 'amount', message: `must be ${obligation.amount}, as it is known of this payment` };
  }
  if (obligation.currency !== undefined && obligation.currency !== failure.currency) {
    return { field: 'currency', message: `must be ${obligation.currency}, as it is known of this payment` };
  }
  return undefined;
}

function isStale({ failure, policy, now }: OpenRecoveryInput): boolean {
  return now - Date.parse(failure.occurred_at) > policy.recovery.maxEventAge;
}

/** Nothing was written, so nothing is remembered: the same report is judged anew. */
function ignored(tx: CommandTx): Opening {
  tx.forget();
  return { result: 'ignored' };
}

function refused(
  tx: CommandTx,
  type: Extract<Opening, { result: 'refused' }>['type'],
  field: string,
  message: string,
): Extract<Opening, { result: 'refused' }> {
  tx.forget();
  return { result: 'refused', type, problems: [{ field, message }] };
}

async function opened(scene: Scene, result: 'opened' | 'reopened'): Promise<Opening> {
  const { tx, input, customer, decision, edge } = scene;
  const { failure, policy, now } = input;
  const common = {
    payment_id: failure.payment_id,
    failed_payment_method_id: failure.payment_method_id,
    rule: decision.rule,
    last_failure_at: failure.occurred_at,
    opened_at: new Date(now).toISOString(),
    closes_at: new Date(now + policy.recovery.window).toISOString(),
    failed_was_default: edge.is_default,
  };
  const stream = { stream: 'customer', stream_id: customer.id } as const;
  if (result === 'opened') {
    const { amount, currency, kind, description = null } = failure;
    tx.append({ ...stream, type: 'RecoveryOpened', data: { ...common, amount, currency, kind, description } });
  } else {
    tx.append({ ...stream, type: 'RecoveryReopened', data: common });
  }
  await writeReport(scene);
  const recovery = await snapshot(scene, now, now + policy.recovery.window);
  const first = input.claim_first ? await claimFirst(scene, recovery) : undefined;
  return { result, recovery, ...(first ? { first } : {}) };
}

async function noted(scene: Scene, known: ObligationWithAttempts): Promise<Opening> {
  await writeReport(scene);
  const { obligation } = known;
  return {
    result: 'noted',
    recovery: await snapshot(scene, Date.parse(obligation.opened_at), Date.parse(obligation.closes_at ?? obligation.opened_at)),
  };
}

/** The state as it is: for a run that finds an obligation that another run has left. */
async function unchanged(scene: Scene, known: ObligationWithAttempts): Promise<Opening> {
  const { obligation, attempts } = known;
  scene.tx.forget();
  if (isClosed(obligation)) return { result: 'closed', obligation: closedObligation(obligation, attempts) };
  const opened_at = Date.parse(obligation.opened_at);
  return {
    result: 'unchanged',
    recovery: await snapshot(scene, opened_at, Date.parse(obligation.closes_at ?? obligation.opened_at)),
  };
}

/** The failure as an attempt that others made, and what its class does to the method. */
async function writeReport(scene: Scene): Promise<void> {
  const { tx, input, customer, decision, method, edge } = scene;
  const { failure } = input;
  tx.append({
    stream: 'customer',
    stream_id: customer.id,
    type: 'RecoveryAttempted',
    data: {
      key: reportedAttemptKey(failure.event_id),
      n: null,
      source: 'reported',
      payment_id: failure.payment_id,
      payment_method_id: method.id,
      network: decision.network ?? null,
      amount: failure.amount,
      currency: failure.currency,
      state: failure.status ?? 'declined',
      class: decision.class,
      rule: decision.rule,
      code: decision.code ?? null,
      never_again: decision.never_again,
      gateway_ref: null,
      payment_ref: null,
      attempted_at: failure.occurred_at,
      resolved_at: (failure.status ?? 'declined') === 'declined' ? failure.occurred_at : null,
    },
  });
  await applyDecline(tx, { customer_id: customer.id, method, edge, decision, occurred_at: failure.occurred_at });
}

async function snapshot(scene: Scene, opened_at: number, closes_at: number): Promise<RecoverySnapshot> {
  const { tx, input, known } = scene;
  const { failure, policy } = input;
  const failed = known?.obligation.failed_payment_method_id;
  const isNewest = !known || Date.parse(failure.occurred_at) >= Date.parse(known.obligation.last_failure_at ?? failure.occurred_at);
  const failedMethodId = isNewest ? failure.payment_method_id : (failed ?? failure.payment_method_id);
  const alternatives = await alternativesOf(tx, {
    customer_id: failure.customer_id,
    failed_payment_method_id: failedMethodId,
    policy,
    now: input.now,
  });
  return {
    payment_id: failure.payment_id,
    customer_id: failure.customer_id,
    kind: known?.obligation.kind ?? failure.kind,
    amount: failure.amount,
    currency: failure.currency,
    state: known && !isClosed(known.obligation) ? known.obligation.state : 'open',
    failed_payment_method_id: failedMethodId,
    failure: isNewest ? reported(scene) : newestReport(known.attempts, scene),
    ...(failure.gateway_payment_ref && !known?.obligation.gateway_ref
      ? { gateway_payment_ref: failure.gateway_payment_ref }
      : {}),
    alternatives,
    attempts: ownAttempts(known?.attempts ?? []),
    opened_at,
    closes_at,
    policy: policy.recovery,
  };
}

function reported({ input, decision, method }: Scene): ReportedFailure {
  const { failure } = input;
  return {
    event_id: failure.event_id,
    payment_method_id: method.id,
    status: failure.status ?? 'declined',
    class: decision.class,
    rule: decision.rule,
    ...(decision.code ? { code: decision.code } : {}),
    tell_chimera: decision.tell_chimera,
    occurred_at: failure.occurred_at,
  };
}

/** What the newest report said, when the one at hand is older; Chimera has heard of it. */
function newestReport(attempts: readonly AttemptNode[], scene: Scene): ReportedFailure {
  const newest = attempts.filter((attempt) => attempt.source === 'reported').at(-1);
  if (!newest) return reported(scene);
  const status = newest.state === 'unknown' || newest.state === 'pending' ? newest.state : 'declined';
  return {
    event_id: newest.key.slice(reportedAttemptKey('').length),
    payment_method_id: newest.payment_method_id,
    status,
    class: newest.class ?? 'LATER',
    rule: newest.rule ?? 'unmapped',
    ...(newest.code ? { code: newest.code } : {}),
    tell_chimera: false,
    occurred_at: newest.claimed_at,
  };
}

/** The claim that the recovery's own rules ask for first; asking them here saves a round through Temporal. */
async function claimFirst(
  scene: Scene,
  recovery: RecoverySnapshot,
): Promise<{ payment_method_id: string; claim: Claim } | undefined> {
  const { tx, input, customer, known } = scene;
  const step = decide(begin(recovery), input.now);
  if (step.do !== 'claim') return undefined;
  const { payment_method_id } = step.candidate;
  const { failure, policy, now } = input;
  const obligation: ObligationNode = {
    payment_id: failure.payment_id,
    customer_id: customer.id,
    failed_payment_method_id: failure.payment_method_id,
    amount: failure.amount,
    currency: failure.currency,
    state: 'open',
    rule: recovery.failure.rule,
    opened_at: new Date(recovery.opened_at).toISOString(),
    changed_seq: tx.versionOf(customer.id),
  };
  const key = attemptKey(failure.payment_id, payment_method_id, step.n);
  const answer = await claim(tx, {
    payment_id: failure.payment_id,
    payment_method_id,
    key,
    n: step.n,
    policy,
    now,
    obligation,
    attempts: known?.attempts ?? [],
    customer,
  });
  return { payment_method_id, claim: answer };
}
