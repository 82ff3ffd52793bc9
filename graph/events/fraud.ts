import type { FraudEvents } from '../../domain/events/fraud.ts';
import { FRAUD_OUTCOMES } from '../../domain/fraud/messages.ts';
import { utcTime, type Effects } from './effect.ts';
import { nodeRef } from './model.ts';

export const fraudEffects: Effects<FraudEvents> = {
  // A review decision does not affect the order of Chimera's outcomes, whose times are from Chimera's clock.
  FraudOutcomeApplied: {
    cypher: `
      MERGE (f:FraudCase {case_id: $data.case_id})
      SET f.customer_id = $stream_id, f.applied = $applied, f.outcome = $data.outcome, f.reason = $data.reason,
        f.last_occurred_at = coalesce(datetime($found_at), f.last_occurred_at),
        f.state = $state, f.review_since = datetime($review_since), f.reminded_at = null,
        f.notice_due = coalesce($data.notice, f.notice_due),
        f.notice_at = CASE WHEN $data.notice IS NULL THEN f.notice_at ELSE datetime($recorded_at) END`,
    derived: ({ data, occurred_at, recorded_at }) => {
      const { outcome, applied } = data;
      const awaitsReview = outcome === 'suspected';
      return {
        applied: JSON.stringify(applied),
        found_at: FRAUD_OUTCOMES.some((candidate) => candidate === outcome) ? occurred_at : null,
        state: awaitsReview ? 'needs_review' : 'settled',
        review_since: awaitsReview ? recorded_at : null,
      };
    },
    fold(model, { stream_id, occurred_at, recorded_at, data }) {
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
  },

  FraudReviewReminded: {
    cypher: 'MATCH (f:FraudCase {case_id: $data.case_id}) SET f.reminded_at = datetime($recorded_at)',
    fold(model, { recorded_at, data }) {
      const node = model.node(nodeRef('FraudCase', data.case_id));
      if (node) node.reminded_at = utcTime(recorded_at);
    },
  },
};
