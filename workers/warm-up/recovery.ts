import { randomUUID } from 'node:crypto';
import type { Policy } from '../../domain/policy.ts';
import type { ChargeAnswer, PaymentNoticeTemplate } from '../../domain/ports.ts';
import { attemptKey, recoveryNotificationId } from '../../domain/workflow-contracts.ts';
import type { RecoverySnapshot } from '../../domain/recovery/claims.ts';
import { WINDOW_OVER } from '../../domain/recovery/ending.ts';
import { type Graph, getNoticeRecipients } from '../../graph/index.ts';
import {
  claimAttempt,
  closeRecovery,
  finishNotice,
  getChargeOrder,
  getNoticeContext,
  getNoticeResult,
  getObligation,
  NOTICES_CALLER,
  openRecovery,
  recordAttempt,
  refreshRecovery,
  leaseNotice,
} from '../../graph/recovery/index.ts';
import { warmUpHeader, onboardWithCard } from './synthetic-customers.ts';

const APPROVED: ChargeAnswer = { result: 'approved', gateway_ref: 'warm-up', charge_ref: 'warm-up' };
const DECLINED: ChargeAnswer = {
  result: 'declined',
  gateway_ref: 'warm-up',
  codes: { decline_code: 'insufficient_funds' },
};

/** Complete recoveries from the report of a failure to the end, command by command, the most frequent first. */
export async function* warmUpRecoveries(graph: Graph, configuredPolicy: Policy): AsyncGenerator<void> {
  // Whether a trusted device is required is a parameter of the statement; creating one would take another command.
  const policy = {
    ...configuredPolicy,
    recovery: { ...configuredPolicy.recovery, requireTrustedDevice: false },
  };
  const person = randomUUID();
  // Nothing is started after the deadline.
  yield;
  const first = await onboardWithCard(graph, policy, person);
  const second = await onboardWithCard(graph, policy, person);
  const steps = createRecoverySteps(graph, policy, first.customer_id);

  // The next card pays and becomes the default.
  const swapped = await steps.fail(first.payment_method_id, 'insufficient_funds');
  yield;
  yield steps.charge(swapped, APPROVED);
  yield steps.notify(swapped, 'recovered');

  // The next card declines as well, the one after it pays, and the default stays.
  await onboardWithCard(graph, policy, person);
  const cascade = await steps.fail(first.payment_method_id, 'insufficient_funds');
  yield;
  yield steps.charge(cascade, DECLINED);
  yield steps.claimNext(cascade);
  yield steps.charge(cascade, APPROVED);

  // The failed card cannot be charged any more.
  const expired = await steps.fail(second.payment_method_id, 'expired_card');
  yield;
  yield steps.charge(expired, APPROVED);

  // No other card can be charged: the customer is notified, and the window ends.
  const singleCard = await onboardWithCard(graph, policy, randomUUID());
  const singleCardSteps = createRecoverySteps(graph, policy, singleCard.customer_id);
  const unpaid = await singleCardSteps.fail(singleCard.payment_method_id, 'insufficient_funds');
  yield;
  yield singleCardSteps.notify(unpaid, 'no_alternative');
  yield singleCardSteps.refresh(unpaid);
  yield singleCardSteps.exhaust(unpaid);
}

/** A recovery in progress, and the key of the attempt that it has claimed. */
interface WarmUpRecovery extends RecoverySnapshot {
  claimedKey?: string;
}

function createRecoverySteps(graph: Graph, policy: Policy, customer_id: string) {
  return {
    async fail(payment_method_id: string, decline_code: string): Promise<WarmUpRecovery> {
      const payment_id = randomUUID();
      const failure = {
        ...{ event_id: randomUUID(), payment_id, customer_id, payment_method_id, decline_code },
        ...{ amount: 1, currency: policy.reportingCurrency, kind: 'recurring' as const },
        occurred_at: new Date().toISOString(),
      };
      const command = { failure, policy, now: Date.now(), claim_first: true };
      const { opening } = await openRecovery(graph, warmUpHeader(), command);
      if (!('recovery' in opening)) throw new Error(`the failure was not opened: ${opening.result}`);
      const { recovery, first } = opening;
      return {
        ...recovery,
        ...(first && { claimedKey: attemptKey(payment_id, first.payment_method_id, 1) }),
      };
    },

    async claimNext(recovery: WarmUpRecovery): Promise<void> {
      const { payment_id, alternatives } = recovery;
      const payment_method_id = alternatives[1] ?? '';
      const key = attemptKey(payment_id, payment_method_id, 1);
      await claimAttempt(graph, warmUpHeader(), {
        ...{ payment_id, payment_method_id, key, n: 1 },
        ...{ policy, now: Date.now() },
      });
      recovery.claimedKey = key;
    },

    async charge({ payment_id, claimedKey: key = '' }: WarmUpRecovery, answer: ChargeAnswer): Promise<void> {
      await getChargeOrder(graph, { key, payment_id });
      await recordAttempt(graph, warmUpHeader(), { payment_id, key, answer, policy, now: Date.now() });
    },

    async notify({ payment_id, opened_at }: WarmUpRecovery, template: PaymentNoticeTemplate): Promise<void> {
      const notification_id = recoveryNotificationId(payment_id, opened_at, template);
      const notice = { notification_id, payment_id, customer_id, template };
      const sender = { ...warmUpHeader(), caller: NOTICES_CALLER };
      await getNoticeResult(graph, notification_id);
      await getNoticeContext(graph, notice);
      await getNoticeRecipients(graph, notice);
      await leaseNotice(graph, sender, { notification_id, try_id: 'warm-up', now: Date.now(), limit: 1 });
      await finishNotice(graph, sender, { ...notice, channel: 'email' });
    },

    async refresh({ payment_id }: WarmUpRecovery): Promise<void> {
      await refreshRecovery(graph, { payment_id, policy, now: Date.now() });
    },

    async exhaust({ payment_id }: WarmUpRecovery): Promise<void> {
      await getObligation(graph, payment_id);
      await closeRecovery(graph, warmUpHeader(), { payment_id, ...WINDOW_OVER }, 'recovery_ended');
    },
  };
}
