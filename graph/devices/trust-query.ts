import type { Policy } from '../../domain/policy.ts';

// `coalesce` keeps the planner from beginning at the index of all trusted devices while the graph is small.
const AS_STORED = 'coalesce(d.trust_score, 0.0) >= $threshold';

const AGE = '$trust_now - d.trust_observed_at.epochMillis';
const WEIGHT = `0.5 ^ (toFloat(CASE WHEN ${AGE} > 0 THEN ${AGE} ELSE 0 END) / $half_life)`;
const DECAYED = `
  CASE WHEN d.trust_observed_at IS NULL THEN d.trust_score
    ELSE d.trust_score * ${WEIGHT} + $trust_initial * (1 - ${WEIGHT}) END >= $threshold`;

/**
 * A query that asks whether the device `d` is trusted, in two wordings: policy without a half-life compares the stored
 * score and pays nothing for the other. The rule itself is `isTrusted` of `domain/trust.ts`.
 *
 * @param buildQuery - the query around that condition
 * @returns picks the wording for a policy; it takes the parameters of `trustParameters`
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
