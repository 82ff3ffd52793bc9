import { randomUUID } from 'node:crypto';
import type { Policy } from '../../domain/policy.ts';
import type { ChargeAnswer, PaymentNoticeTemplate } from '../../domain/ports.ts';
import { attemptKey, recoveryNotificationId } from '../../domain/processes.ts';
import type { RecoverySnapshot } from '../../domain/recovery/claims.ts';
import { WINDOW_OVER } from '../../domain/recovery/closing.ts';
import { type Graph, getNoticeRecipients } from '../../graph/index.ts';
import {
  claimAttempt,
  closeRecovery,
  finishNotice,
  getChargeOrder,
  getNoticeMatter,
  getNoticeResult,
  getObligation,
  NOTICES_CALLER,
  openRecovery,
  recordAttempt,
  rereadRecovery,
  startNotice,
} from '../../graph/recovery/index.ts';
import { header, onboardWithCard } from './invented.ts';

const APPROVED: ChargeAnswer = { result: 'approved', gateway_ref: 'warm-up', charge_ref: 'warm-up' };
const DECLINED: ChargeAnswer = {
  result: 'declined',
  gateway_ref: 'warm-up',
  codes: { decline_code: 'insufficient_funds' },
};

/** Recoveries from the report of a failure to their end, command by command, the commonest first. */
export async function* playRecoveries(graph: Graph, usual: Policy): AsyncGenerator<void> {
  // A trusted device is asked for by a parameter; to have one would take a command more.
  const policy = { ...usual, recovery: { ...usual.recovery, requireTrustedDevice: false } };
  const person = randomUUID();
  // Nothing is begun where the time is over.
  yield;
  const first = await onboardWithCard(graph, policy, person);
  const second = await onboardWithCard(graph, policy, person);
  const play = recoveriesOf(graph, policy, first.customer_id);

  // The next card pays and becomes the default.
  const swapped = await play.fail(first.payment_method_id, 'insufficient_funds');
  yield;
  yield play.charge(swapped, APPROVED);
  yield play.tell(swapped, 'recovered');

  // The next one declines as well, the one after it pays, and the default stays.
  await onboardWithCard(graph, policy, person);
  const cascade = await play.fail(first.payment_method_id, 'insufficient_funds');
  yield;
  yield play.charge(cascade, DECLINED);
  yield play.claimNext(cascade);
  yield play.charge(cascade, APPROVED);

  // What failed cannot be charged any more.
  const expired = await play.fail(second.payment_method_id, 'expired_card');
  yield;
  yield play.charge(expired, APPROVED);

  // Nothing else can be charged: the customer is written to, and the window ends.
  const lone = await onboardWithCard(graph, policy, randomUUID());
  const alone = recoveriesOf(graph, policy, lone.customer_id);
  const unpaid = await alone.fail(lone.payment_method_id, 'insufficient_funds');
  yield;
  yield alone.tell(unpaid, 'no_alternative');
  yield alone.reread(unpaid);
  yield alone.exhaust(unpaid);
}

/** A recovery under way, and the key of the attempt that it has claimed. */
interface Played extends RecoverySnapshot {
  claimed?: string;
}

function recoveriesOf(graph: Graph, policy: Policy, customer_id: string) {
  return {
    async fail(payment_method_id: string, decline_code: string): Promise<Played> {
      const payment_id = randomUUID();
      const failure = {
        ...{ event_id: randomUUID(), payment_id, customer_id, payment_method_id, decline_code },
        ...{ amount: 1, currency: policy.reportingCurrency, kind: 'recurring' as const },
        occurred_at: new Date().toISOString(),
      };
      const asked = { failure, policy, now: Date.now(), claim_first: true };
      const { opening } = await openRecovery(graph, header(), asked);
      if (!('recovery' in opening)) throw new Error(`a failure was ${opening.result}`);
      const { recovery, first } = opening;
      return { ...recovery, ...(first && { claimed: attemptKey(payment_id, first.payment_method_id, 1) }) };
    },

    async claimNext(played: Played): Promise<void> {
      const { payment_id, alternatives } = played;
      const payment_method_id = alternatives[1] ?? '';
      const key = attemptKey(payment_id, payment_method_id, 1);
      await claimAttempt(graph, header(), {
        ...{ payment_id, payment_method_id, key, n: 1 },
        ...{ policy, now: Date.now() },
      });
      played.claimed = key;
    },

    async charge({ payment_id, claimed: key = '' }: Played, answer: ChargeAnswer): Promise<void> {
      await getChargeOrder(graph, { key, payment_id });
      await recordAttempt(graph, header(), { payment_id, key, answer, policy, now: Date.now() });
    },

    async tell({ payment_id, opened_at }: Played, template: PaymentNoticeTemplate): Promise<void> {
      const notification_id = recoveryNotificationId(payment_id, opened_at, template);
      const notice = { notification_id, payment_id, customer_id, template };
      const sender = { ...header(), caller: NOTICES_CALLER };
      await getNoticeResult(graph, notification_id);
      await getNoticeMatter(graph, notice);
      await getNoticeRecipients(graph, notice);
      await startNotice(graph, sender, { notification_id, try_id: 'warm-up', now: Date.now(), limit: 1 });
      await finishNotice(graph, sender, { ...notice, channel: 'email' });
    },

    async reread({ payment_id }: Played): Promise<void> {
      await rereadRecovery(graph, { payment_id, policy, now: Date.now() });
    },

    async exhaust({ payment_id }: Played): Promise<void> {
      await getObligation(graph, payment_id);
      await closeRecovery(graph, header(), { payment_id, ...WINDOW_OVER }, 'recovery_ended');
    },
  };
}
