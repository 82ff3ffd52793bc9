import type { Candidate } from './state.ts';

/** Puts these first; each replaces the candidate planned for its method. */
export function prependCandidates(
  first: readonly Candidate[],
  candidates: readonly Candidate[],
): Candidate[] {
  const methods = new Set(first.map((candidate) => candidate.payment_method_id));
  return [...first, ...candidates.filter((candidate) => !methods.has(candidate.payment_method_id))];
}
