import { nodeRef } from '../model.ts';
import { type Folds, moment } from './fold.ts';

export const fraudFolds: Folds<'FraudOutcomeApplied'> = {
  FraudOutcomeApplied(model, { stream_id, occurred_at, data }) {
    const { case_id, applied } = data;
    const ref = nodeRef('FraudCase', case_id);
    if (!model.nodes.has(ref)) model.createNode(ref, { case_id });
    Object.assign(model.node(ref) ?? {}, {
      customer_id: stream_id,
      last_occurred_at: moment(occurred_at),
      applied: JSON.stringify(applied),
    });
  },
};
