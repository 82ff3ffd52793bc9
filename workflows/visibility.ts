/** What operators see of a process in Temporal UI: ids and states, never personal data. */

import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { CUSTOMER_GONE, SearchAttribute } from '../domain/workflow-contracts.ts';

const KEYS = {
  customerId: defineSearchAttributeKey(SearchAttribute.customerId, 'KEYWORD'),
  process: defineSearchAttributeKey(SearchAttribute.process, 'KEYWORD'),
  state: defineSearchAttributeKey(SearchAttribute.state, 'KEYWORD'),
  outcome: defineSearchAttributeKey(SearchAttribute.outcome, 'KEYWORD'),
};

/** For starting a child that shows nothing itself: its customer's erasure finds it. */
export const ofCustomer = (customerId: string) => ({
  typedSearchAttributes: [{ key: KEYS.customerId, value: customerId }],
});

/**
 * Sets the given search attributes (one history event per call) and, as the execution's details, a sentence about its
 * current activity.
 */
export function show(attributes: Partial<Record<keyof typeof KEYS, string>>, details: string): void {
  const pairs: SearchAttributeUpdatePair[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    pairs.push({ key: KEYS[name as keyof typeof KEYS], value });
  }
  upsertSearchAttributes(pairs);
  setCurrentDetails(details);
}

/** Before a process ends because its customer is unknown: nothing of its history is to stay. */
export function showCustomerGone(): void {
  const process = workflowInfo().workflowType;
  show({ process, state: 'done', outcome: CUSTOMER_GONE }, 'Refused: there is no such customer');
}
