import { PersonaError } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentSettled } from '../../domain/recovery/messages.ts';
import type { CommandHeader } from '../command.ts';
import { runCommand } from '../command.ts';
import type { CommandTx } from '../command-tx.ts';
import type { Graph } from '../graph.ts';
import { findObligation, type ObligationWithAttempts } from './read.ts';
import { closedObligation, isClosed } from './records.ts';
import { resumedSnapshot } from './snapshot.ts';

/**
 * What a settlement means to somebody who knows nothing of the payment yet: an unknown one is closed in advance, a
 * closed one says how it ended, an open one is handed over as it stands (`unchanged`), to be closed by its run.
 */
export function openSettled(
  graph: Graph,
  header: CommandHeader,
  input: { settlement: PaymentSettled; policy: Policy; now: number },
): Promise<Opening> {
  const { settlement, policy, now } = input;
  return runCommand(graph, header, 'openSettled', { settlement }, async (tx): Promise<Opening> => {
    const refused = await lock(tx, settlement.customer_id);
    if (refused) return refused;
    const known = await findObligation(tx, settlement.payment_id);
    if (!known) return closedInAdvance(tx, settlement);
    if (isSecondSuccess(known, settlement)) return overpaid(tx, known, settlement);
    tx.forget();
    if (known.obligation.customer_id !== settlement.customer_id) {
      const problems = [{ field: 'customer_id', message: 'is not the customer who owes this payment' }];
      return { result: 'refused', type: 'obligation_mismatch', problems };
    }
    if (isClosed(known.obligation)) {
      return { result: 'closed', obligation: closedObligation(known.obligation, known.attempts) };
    }
    return { result: 'unchanged', recovery: await resumedSnapshot(tx, known, policy, now) };
  });
}

/** We were paid, and so was somebody else: by another payment than ours, as the settlement names it. */
function isSecondSuccess({ obligation }: ObligationWithAttempts, settlement: PaymentSettled): boolean {
  const { gateway_payment_ref } = settlement;
  return (
    obligation.state === 'recovered' &&
    obligation.customer_id === settlement.customer_id &&
    gateway_payment_ref !== undefined &&
    gateway_payment_ref !== obligation.gateway_ref
  );
}

/** Written down for operations: what others charged, others give back. */
function overpaid(
  tx: CommandTx,
  { obligation, attempts }: ObligationWithAttempts,
  settlement: PaymentSettled,
): Opening {
  const { payment_id, amount = 0, currency = '' } = obligation;
  const key = `settled:${settlement.event_id}`;
  const data = { payment_id, key, amount, currency };
  tx.append({ stream: 'customer', stream_id: obligation.customer_id, type: 'RecoveryOverpaid', data });
  return { result: 'closed', obligation: closedObligation(obligation, attempts) };
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
    },
  });
  return {
    result: 'closed',
    obligation: { payment_id, customer_id, outcome: 'paid_elsewhere', rule: 'settled', attempts: [] },
  };
}
