/** What a run starts with: the first valid message, or, if it takes over from a lost run, the state in the graph. */

import { ApplicationFailure, condition, log, TemporalFailure } from '@temporalio/workflow';
import { RESOLVE_UNKNOWN } from '../../domain/workflow-contracts.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import type { PaymentSettled } from '../../domain/recovery/messages.ts';
import { validatePaymentFailed, validatePaymentSettled } from '../../domain/recovery/payment-failed.ts';
import { openings, openRecovery, openSettled } from './activities.ts';
import { clearReports, type Message, type ReceivedSignal, reportOf, type Run } from './run.ts';
import { showCustomerGone } from '../visibility.ts';

export type Opened = Exclude<Opening, { result: 'refused' }> & {
  settlement?: PaymentSettled;
  /** The message that the run started with, to be processed once the obligation is known. */
  next?: ReceivedSignal;
};

/** How long a run waits for the signal that it was started with. */
const FIRST_SIGNAL_MS = 60_000;

/**
 * Opens the obligation of this run. If the run would end immediately, messages that have arrived meanwhile are processed
 * first, because they would be lost with it.
 *
 * @throws ApplicationFailure `InvalidPaymentFailed` if no message is valid or none was received; ActivityFailure if none
 *   could be processed
 */
export async function openObligation(run: Run, resume: boolean): Promise<Opened> {
  const { payment_id, inbox, handledReports } = run;
  let opening = resume ? accepted(await openings.resumeRecovery({ payment_id })) : await firstValid(run);
  while (isOver(opening)) {
    if (inbox.some(mayBegin)) opening = await firstValid(run, opening);
    else if (handledReports.length > 0) await clearReports(run);
    else break;
  }
  return opening;
}

/** Whether a run may start with this message. */
export function mayBegin({ signal }: Message): boolean {
  return signal === 'paymentFailed' || signal === 'paymentSettled' || signal === 'chargeResult';
}

export function invalidStart(
  what: string,
  problems: readonly { field: string; message: string }[],
): ApplicationFailure {
  const fields = problems.map((problem) => `${problem.field}: ${problem.message}`).join('; ');
  return ApplicationFailure.create({
    type: 'InvalidPaymentFailed',
    message: fields ? `${what}: ${fields}` : what,
    nonRetryable: true,
    details: [problems],
  });
}

/**
 * Opens with the first valid message. A refused message does not affect those behind it: the first refusal fails the run
 * only once the inbox is empty, after the reports of handled messages have been deleted.
 *
 * @param before the result of an earlier message, which is kept if no later one is valid
 */
async function firstValid(run: Run, before?: Opened): Promise<Opened> {
  const { inbox, handledReports } = run;
  let refusal: unknown;
  for (;;) {
    if (inbox.length === 0 && before) return before;
    if (inbox.length === 0 && refusal !== undefined) {
      if (handledReports.length === 0) throw refusal;
      await clearReports(run);
      continue;
    }
    const received = await condition(() => inbox.length > 0, FIRST_SIGNAL_MS);
    if (!received) throw invalidStart('no signal was received after the start', []);
    const message = inbox.shift();
    if (!message) continue;
    try {
      const opened = await openWith(run, message);
      if (opened) return opened;
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      const reason = error.cause?.message ?? error.message;
      log.warn(`recovery cannot start with this ${message.signal}`, { reason });
      refusal ??= error;
    }
  }
}

/** @returns `undefined` for a message that cannot start a recovery. @throws ApplicationFailure if it is refused */
async function openWith({ payment_id, handledReports }: Run, message: Message): Promise<Opened | undefined> {
  const report = reportOf(message);
  const reports = report ? [report] : [];
  if (message.signal === 'paymentFailed') {
    handledReports.push(...reports);
    const checked = validatePaymentFailed(message.payload);
    if ('problems' in checked) throw invalidStart('paymentFailed', checked.problems);
    requireSamePayment(checked.message.payment_id, payment_id);
    return accepted(await openRecovery({ failure: checked.message, claim_first: true }));
  }
  if (message.signal === 'paymentSettled') {
    const checked = validatePaymentSettled(message.payload);
    if ('problems' in checked) {
      handledReports.push(...reports);
      throw invalidStart('paymentSettled', checked.problems);
    }
    const settlement = checked.message;
    requireSamePayment(settlement.payment_id, payment_id);
    const opening = accepted(await openSettled({ settlement }));
    // For an open obligation, the settlement is recorded only when the obligation is closed.
    if (!isOver(opening)) handledReports.push(...reports);
    return { ...opening, settlement };
  }
  if (message.signal === 'chargeResult') {
    const opening = accepted(await openings.resumeRecovery({ payment_id }));
    if (isOver(opening)) handledReports.push(...reports);
    return { ...opening, next: message };
  }
  if (message.signal === RESOLVE_UNKNOWN) message.answer.done = { refused: 'no charge is unresolved' };
  return undefined;
}

export function isOver(opening: Opened): opening is Extract<Opened, { result: 'ignored' | 'closed' }> {
  return opening.result === 'ignored' || opening.result === 'closed';
}

function requireSamePayment(paymentId: string, own: string): void {
  if (paymentId === own) return;
  throw invalidStart('paymentFailed', [
    { field: 'payment_id', message: `must be the payment of this workflow, '${own}'` },
  ]);
}

function accepted(opening: Opening): Exclude<Opening, { result: 'refused' }> {
  if (opening.result !== 'refused') return opening;
  if (opening.customer_gone) showCustomerGone();
  throw invalidStart(opening.type, opening.problems);
}
