/** Applies facts; those that earlier builds took otherwise, as the histories of their runs have it. */

import { patched } from '@temporalio/workflow';
import { evolve } from '../../domain/recovery/evolve.ts';
import type { Fact, RecoveryState } from '../../domain/recovery/state.ts';

export function applyFact(state: RecoveryState, fact: Fact): RecoveryState {
  const ended = asErased(fact);
  return evolve(state, ended === undefined || patched('waits-for-erasure') ? fact : ended);
}

/**
 * That a customer is being erased, as earlier builds took it: nothing could be recovered any more.
 * @returns `undefined`: the fact says nothing of the kind
 */
function asErased(fact: Fact): Fact | undefined {
  if (fact.fact === 'customer_status' && fact.status === 'erasing') return { ...fact, status: 'erased' };
  if (fact.fact === 'refreshed' && fact.found.customer_status === 'erasing')
    return { ...fact, found: { ...fact.found, customer_status: 'erased' } };
  if (
    fact.fact === 'claim_answered' &&
    fact.claim.result === 'refused' &&
    fact.claim.rule === 'customer_erasing'
  )
    return { ...fact, claim: { ...fact.claim, rule: 'customer_erased' } };
  return undefined;
}
