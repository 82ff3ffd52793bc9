/** What operators may request of a recovery, and how they resolve a charge. */

import { ApplicationFailure, log } from '@temporalio/workflow';
import { evolve } from '../../domain/recovery/evolve.ts';
import type { Resolution } from '../../domain/recovery/messages.ts';
import type { Fact, RecoveryState } from '../../domain/recovery/state.ts';
import { graph } from './activities.ts';
import type { PendingAnswer } from './inbox.ts';
import { resolveCharge } from './steps.ts';

/** Executes an operator request. Actor and reason are in the history; ceilings, consent and claims still apply. */
export async function factOfOperatorRequest(
  current: RecoveryState,
  action: 'pause' | 'resume' | 'retryNow' | 'cancel',
  request: { actor?: unknown; reason?: unknown; rule?: unknown },
): Promise<Fact | undefined> {
  log.info(`operator request: ${action}`, { actor: text(request.actor), reason: text(request.reason) });
  switch (action) {
    case 'pause':
      await graph.pauseRecovery({ payment_id: current.payment_id, paused: true });
      return { fact: 'paused' };
    case 'resume':
      await graph.pauseRecovery({ payment_id: current.payment_id, paused: false });
      return { fact: 'resumed' };
    case 'cancel':
      return { fact: 'cancelled' };
    case 'retryNow': {
      const rule = typeof request.rule === 'string' ? request.rule : undefined;
      const { payment_id, policy } = current;
      if (current.cancelling) {
        const matchesReview = rule === undefined || rule === current.review?.rule;
        return matchesReview ? { fact: 'retry_now', alternatives: [], at: Date.now() } : undefined;
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
 * Applies an operator's resolution of an unresolved charge; refused if the gateway's records contradict it. The response
 * waits until the resolution is recorded, so that it shows the new state.
 */
export async function applyResolution(
  current: RecoveryState,
  resolution: Resolution,
  answer: PendingAnswer,
  pendingAnswers: PendingAnswer[],
): Promise<RecoveryState> {
  const { attempt_key: key, result } = resolution;
  if (current.unresolved?.key !== key) {
    answer.done = { refused: `attempt ${key} is not the unresolved attempt` };
    return current;
  }
  // Read only: an operator who resolves it as declined must not cause the charge.
  const found = await resolveCharge(key, current.policy, { only_read: true });
  // After a reversal, the gateway's records do not decide whether the obligation counts as paid.
  const cameBack = found.result === 'approved' && found.came_back !== undefined;
  const isConclusive = found.result === 'declined' || (found.result === 'approved' && !cameBack);
  const gatewayResult = isConclusive ? found.result : undefined;
  const resultIfNeverSent = found.result === 'not_sent' ? 'declined' : undefined;
  if ((gatewayResult ?? resultIfNeverSent ?? result) !== result) {
    answer.done = {
      refused: `the gateway reports that attempt ${key} was ${gatewayResult ?? 'never charged'}`,
    };
    return evolve(current, { fact: 'found_out', key, found, at: Date.now() });
  }
  pendingAnswers.push(answer);
  if (gatewayResult || resultIfNeverSent)
    return evolve(current, { fact: 'found_out', key, found, at: Date.now() });
  const known = cameBack ? evolve(current, { fact: 'found_out', key, found, at: Date.now() }) : current;
  return evolve(known, { fact: 'resolved_by_person', key, result });
}

/** @throws ApplicationFailure invalid_argument, naming every problem: the update is refused */
export function validateResolution(payload: Resolution, state: RecoveryState | undefined): void {
  const { attempt_key, result, actor, evidence } = payload ?? {};
  const problems = [
    ...(result === 'approved' || result === 'declined' ? [] : ["result: must be 'approved' or 'declined'"]),
    ...(typeof actor === 'string' && actor !== '' ? [] : ['actor: is required']),
    ...(typeof evidence === 'string' && evidence !== '' ? [] : ['evidence: is required']),
    ...(state?.unresolved?.key === attempt_key ? [] : ['attempt_key: must be the unresolved attempt']),
  ];
  if (problems.length > 0) throw ApplicationFailure.nonRetryable(problems.join('; '), 'invalid_argument');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : 'not given';
}
