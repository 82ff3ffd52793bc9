/** What people ask of a recovery. Who and why stand in the history; ceilings, consent and claims still hold. */

import { ApplicationFailure, log } from '@temporalio/workflow';
import { evolve } from '../../domain/recovery/evolve.ts';
import type { ResolveUnknown } from '../../domain/recovery/messages.ts';
import type { Fact, RecoveryState } from '../../domain/recovery/state.ts';
import { graph } from './activities.ts';
import type { Answer } from './inbox.ts';
import { findOut } from './steps.ts';

/** A person's wish. Who and why stand in the history; ceilings, consent and claims still hold. */
export async function factOfWish(
  current: RecoveryState,
  wish: 'pause' | 'resume' | 'retryNow' | 'cancel',
  by: { actor?: unknown; reason?: unknown; rule?: unknown },
): Promise<Fact | undefined> {
  log.info(`A person asks: ${wish}`, { actor: text(by.actor), reason: text(by.reason) });
  switch (wish) {
    case 'pause':
      await graph.pauseRecovery({ payment_id: current.payment_id, paused: true });
      return { fact: 'paused' };
    case 'resume':
      await graph.pauseRecovery({ payment_id: current.payment_id, paused: false });
      return { fact: 'resumed' };
    case 'cancel':
      return { fact: 'cancelled' };
    case 'retryNow': {
      const rule = typeof by.rule === 'string' ? by.rule : undefined;
      const { payment_id, policy } = current;
      if (current.cancelling) {
        const meant = rule === undefined || rule === current.review?.rule;
        return meant ? { fact: 'retry_now', alternatives: [], at: Date.now() } : undefined;
      }
      if (current.closed || current.ending || current.unresolved) return undefined;
      const { alternatives } = await graph.endReview({
        payment_id,
        policy,
        ...(rule !== undefined && { rule }),
      });
      return alternatives && { fact: 'retry_now', alternatives, at: Date.now() };
    }
  }
}

/**
 * A person's word about a charge in doubt: refused where the gateway knows better. What is taken is answered only once
 * it is written down, so that the answer shows it.
 */
export async function resolve(
  current: RecoveryState,
  word: ResolveUnknown,
  answer: Answer,
  unanswered: Answer[],
): Promise<RecoveryState> {
  const { attempt_key: key, result } = word;
  if (current.unresolved?.key !== key) {
    answer.done = { refused: `attempt ${key} is not in doubt` };
    return current;
  }
  // Only read: a person who says that it was declined must not cause the charge.
  const found = await findOut(key, current.policy, { only_read: true });
  // Of money that came back the gateway cannot say whether it was meant to be paid.
  const cameBack = found.result === 'approved' && found.came_back !== undefined;
  const isSaid = found.result === 'declined' || (found.result === 'approved' && !cameBack);
  const says = isSaid ? found.result : undefined;
  const never = found.result === 'not_sent' ? 'declined' : undefined;
  if ((says ?? never ?? result) !== result) {
    answer.done = { refused: `the gateway says that attempt ${key} was ${says ?? 'never charged'}` };
    return evolve(current, { fact: 'found_out', key, found, at: Date.now() });
  }
  unanswered.push(answer);
  if (says || never) return evolve(current, { fact: 'found_out', key, found, at: Date.now() });
  const known = cameBack ? evolve(current, { fact: 'found_out', key, found, at: Date.now() }) : current;
  return evolve(known, { fact: 'resolved_by_person', key, result });
}

/** @throws ApplicationFailure invalid_argument, naming every problem: the update is refused */
export function validateResolution(payload: ResolveUnknown, state: RecoveryState | undefined): void {
  const { attempt_key, result, actor, evidence } = payload ?? {};
  const problems = [
    ...(result === 'approved' || result === 'declined' ? [] : ["result: must be 'approved' or 'declined'"]),
    ...(typeof actor === 'string' && actor !== '' ? [] : ['actor: is required']),
    ...(typeof evidence === 'string' && evidence !== '' ? [] : ['evidence: is required']),
    ...(state?.unresolved?.key === attempt_key ? [] : ['attempt_key: must be the attempt that is in doubt']),
  ];
  if (problems.length > 0) throw ApplicationFailure.nonRetryable(problems.join('; '), 'invalid_argument');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : 'not said';
}
