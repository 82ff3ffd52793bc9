import type { FraudEvents } from '../../../domain/fraud/events.ts';
import { FRAUD_OUTCOMES } from '../../../domain/fraud/messages.ts';
import { nodeRef } from '../model.ts';
import { type Folds, utcTime } from './fold.ts';

export const fraudFolds: Folds<keyof FraudEvents> = {
  FraudOutcomeApplied(model, { stream_id, occurred_at, recorded_at, data }) {
    const { case_id, applied, outcome, reason, notice } = data;
    const ref = nodeRef('FraudCase', case_id);
    if (!model.nodes.has(ref)) model.createNode(ref, { case_id });
    const awaitsReview = outcome === 'suspected';
    // A decision in review does not count in the order of Chimera's outcomes.
    const isChimeraOutcome = FRAUD_OUTCOMES.some((candidate) => candidate === outcome);
    Object.assign(model.node(ref) ?? {}, {
      ...{ customer_id: stream_id, outcome, reason, applied: JSON.stringify(applied) },
      ...(isChimeraOutcome && { last_occurred_at: utcTime(occurred_at) }),
      state: awaitsReview ? 'needs_review' : 'settled',
      review_since: awaitsReview ? utcTime(recorded_at) : null,
      reminded_at: null,
      ...(notice !== undefined && { notice_due: notice, notice_at: utcTime(recorded_at) }),
    });
  },

  FraudReviewReminded(model, { recorded_at, data }) {
    const node = model.node(nodeRef('FraudCase', data.case_id));
    if (node) node.reminded_at = utcTime(recorded_at);
  },
};
