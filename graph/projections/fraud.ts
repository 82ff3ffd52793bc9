import type { FraudEvents } from '../../domain/fraud/events.ts';
import { FRAUD_OUTCOMES } from '../../domain/fraud/messages.ts';
import type { Projections } from './projection.ts';

export const fraudProjections: Projections<keyof FraudEvents> = {
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
  },

  FraudReviewReminded: {
    cypher: 'MATCH (f:FraudCase {case_id: $data.case_id}) SET f.reminded_at = datetime($recorded_at)',
  },
};
