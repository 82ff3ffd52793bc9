import type { Policy } from '../../domain/policy.ts';

// `coalesce` keeps the planner from starting at the index of all trusted devices while the graph is small.
const AS_STORED = 'coalesce(d.trust_score, 0.0) >= $threshold';

const AGE = '$trust_now - d.trust_observed_at.epochMillis';
const WEIGHT = `0.5 ^ (toFloat(CASE WHEN ${AGE} > 0 THEN ${AGE} ELSE 0 END) / $half_life)`;
const DECAYED = `
  CASE WHEN d.trust_observed_at IS NULL THEN d.trust_score
    ELSE d.trust_score * ${WEIGHT} + $trust_initial * (1 - ${WEIGHT}) END >= $threshold`;

/**
 * A query with the condition that the device `d` is trusted, in two variants: without a half-life in the policy, it
 * only compares the stored score. The rule itself is `isTrusted` in `domain/trust.ts`.
 *
 * @param buildQuery - builds the query around the condition
 * @returns selects the variant for a policy; the query takes the parameters of `trustParameters`
 */
export function trustQuery(
  buildQuery: (isTrusted: string) => string,
): (trust: Pick<Policy['trust'], 'halfLife'>) => string {
  const asStored = buildQuery(AS_STORED);
  const decayed = buildQuery(DECAYED);
  return ({ halfLife }) => (halfLife === undefined ? asStored : decayed);
}

/** @param now epoch milliseconds */
export function trustParameters({ threshold, initial, halfLife }: Policy['trust'], now: number): object {
  return {
    threshold,
    ...(halfLife !== undefined && { half_life: halfLife, trust_initial: initial, trust_now: now }),
  };
}
