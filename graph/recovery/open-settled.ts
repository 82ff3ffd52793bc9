import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { settledPaymentKey } from '../../domain/processes.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentSettled } from '../../domain/recovery/messages.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { isOfAnother } from './close-recovery.ts';
import { findObligation, type ObligationWithAttempts } from './read.ts';
import { closedObligation, failureClass, isClosed, type ObligationNode } from './records.ts';
import { isFailed, resumedSnapshot } from './snapshot.ts';

/**
 * What a settlement means to somebody who knows nothing of the payment yet: an unknown one is closed in advance, a
 * closed one says how it ended, an open one is handed over as it stands (`unchanged`), to be closed by its run, unless
 * it is the obligation's own payment that the settlement names (`own`): then the run asks the gateway about it. One that
 * crosses our own success, or another settlement, is a second one, written down with the later of the two.
 *
 * @param input.disproven the gateway knows the payment that the settlement names, and that it has not succeeded
 */
export function openSettled(
  graph: Graph,
  header: CommandHeader,
  input: { settlement: PaymentSettled; policy: Policy; now: number; disproven?: boolean },
): Promise<Opening> {
  const { settlement, policy, now, disproven = false } = input;
  return runCommand(graph, header, 'openSettled', { settlement }, async (tx): Promise<Opening> => {
    const refused = await lock(tx, settlement.customer_id);
    if (refused) return refused;
    const known = await findObligation(tx, settlement.payment_id);
    if (!known) return closedInAdvance(tx, settlement);
    if (known.obligation.customer_id !== settlement.customer_id) {
      tx.forget();
      const problems = [{ field: 'customer_id', message: 'is not the customer who owes this payment' }];
      return { result: 'refused', type: 'obligation_mismatch', problems };
    }
    if (!disproven && (await isSecondSuccess(tx, known, settlement))) {
      return overpaid(tx, known, settlement, policy, now);
    }
    tx.forget();
    if (isClosed(known.obligation)) {
      return { result: 'closed', obligation: closedObligation(known.obligation, known.attempts) };
    }
    const recovery = await resumedSnapshot(tx, known, policy, now);
    return { result: 'unchanged', recovery, ...(isOurOwn(known, settlement) ? { own: true } : {}) };
  });
}

/** Of the payment that our attempts were made on: without any, nobody can take it for a second success. */
function isOurOwn({ obligation, attempts }: ObligationWithAttempts, settlement: PaymentSettled): boolean {
  return (
    settlement.gateway_payment_ref !== undefined &&
    settlement.gateway_payment_ref === obligation.gateway_ref &&
    attempts.some(({ source }) => source === 'recovery')
  );
}

/** May the settlement speak of another payment than the one that paid the obligation? */
export function crosses(obligation: ObligationNode, { gateway_payment_ref: named }: PaymentSettled): boolean {
  const { state, gateway_ref } = obligation;
  if (named === undefined || named === gateway_ref) return false;
  if (state === 'recovered') return true;
  const others = state === 'paid_elsewhere' && isFailed(obligation) ? paymentOfOthers(obligation) : undefined;
  return others !== undefined && named !== others;
}

/** The payment that others were paid by, where anybody has said which. */
function paymentOfOthers({ settled_ref, rule, gateway_ref }: ObligationNode): string | undefined {
  return settled_ref ?? (rule === 'gateway_payment_succeeded' ? gateway_ref : undefined);
}

// The index is on (stream_id, seq) and is used only where both are asked for.
const KNOWN_SECOND = `
  MATCH (e:PersonaEvent {stream_id: $customer_id})
  WHERE e.seq > 0 AND e.type = 'RecoveryOverpaid' AND e.data CONTAINS $key
  RETURN e.seq AS seq LIMIT 1`;

/** It was paid, and somebody was paid once more: by another payment, as the settlement names it. */
async function isSecondSuccess(
  tx: CommandTx,
  { obligation }: ObligationWithAttempts,
  settlement: PaymentSettled,
): Promise<boolean> {
  if (!crosses(obligation, settlement)) return false;
  const { payment_id } = obligation;
  const gateway_ref = settlement.gateway_payment_ref ?? '';
  // Named by mistake: last month's payment, of the same amount, is not this month's second one.
  const { customer_id } = obligation;
  if (await isOfAnother(tx, { customer_id, payment_id, gateway_ref })) return false;
  const key = JSON.stringify(settledPaymentKey(gateway_ref));
  return (await tx.run(KNOWN_SECOND, { customer_id, key })).length === 0;
}

/** The later of the two is the one too many: theirs, or, where they were paid first, our own. */
async function overpaid(
  tx: CommandTx,
  known: ObligationWithAttempts,
  settlement: PaymentSettled,
  policy: Policy,
  now: number,
): Promise<Opening> {
  const { obligation, attempts } = known;
  const { payment_id, amount = 0, currency = '' } = obligation;
  const stream = { stream: 'customer', stream_id: obligation.customer_id } as const;
  const own = attempts.find(({ state, overpaid: second }) => state === 'approved' && !second);
  const ourLate =
    own && Date.parse(own.resolved_at ?? own.claimed_at) > Date.parse(settlement.settled_at)
      ? own
      : undefined;
  const key = ourLate?.key ?? settledPaymentKey(settlement.gateway_payment_ref ?? '');
  const refund = policy.recovery.refundDuplicate;
  tx.append({ ...stream, type: 'RecoveryOverpaid', data: { payment_id, key, amount, currency, refund } });
  const corrected = ourLate ? ({ state: 'paid_elsewhere', rule: 'settled' } as const) : undefined;
  if (corrected) {
    const data = {
      payment_id,
      ...corrected,
      class: failureClass(attempts),
      payment_method_id: null,
      closed_at: settlement.settled_at,
      payment_ref: settlement.gateway_payment_ref ?? null,
    };
    tx.append({ ...stream, type: 'RecoveryClosed', data });
  }
  const scene = { attempts, obligation: { ...obligation, ...corrected } };
  return { result: 'unchanged', recovery: await resumedSnapshot(tx, scene, policy, now), second: key };
}

async function lock(tx: CommandTx, customerId: string): Promise<Opening | undefined> {
  try {
    await tx.lockCustomer(customerId);
    return undefined;
  } catch (error) {
    if (!(error instanceof PersonaError) || error.type !== 'customer_not_found') throw error;
    tx.forget();
    const problems = [{ field: 'customer_id', message: 'is no customer of ours' }];
    return { result: 'refused', type: 'customer_not_found', problems };
  }
}

function closedInAdvance(tx: CommandTx, settlement: PaymentSettled): Opening {
  const { payment_id, customer_id, settled_at } = settlement;
  tx.append({
    stream: 'customer',
    stream_id: customer_id,
    type: 'RecoveryClosed',
    data: {
      payment_id,
      state: 'paid_elsewhere',
      rule: 'settled',
      class: null,
      payment_method_id: null,
      closed_at: settled_at,
      payment_ref: settlement.gateway_payment_ref ?? null,
    },
  });
  return {
    result: 'closed',
    obligation: { payment_id, customer_id, outcome: 'paid_elsewhere', rule: 'settled', attempts: [] },
  };
}
