import type { Projections } from './projection.ts';

export const fraudProjections: Projections<'FraudOutcomeApplied'> = {
  FraudOutcomeApplied: {
    cypher: `
      MERGE (f:FraudCase {case_id: $data.case_id})
      SET f.customer_id = $stream_id, f.last_occurred_at = datetime($occurred_at), f.applied = $applied`,
    derived: ({ data }) => ({ applied: JSON.stringify(data.applied) }),
  },
};
