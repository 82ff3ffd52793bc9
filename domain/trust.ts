import type { Policy } from './policy.ts';

/**
 * Whether a device is trusted now. With a half-life, an observation counts less the older it is: from the observation
 * on, the score decays exponentially towards the initial one. A device that was never observed does not decay, and an
 * observation that lies ahead of this clock counts as one made now. `graph/devices/trust-query.ts` expresses the same
 * rule in Cypher.
 *
 * @param device.trust_observed_at RFC 3339
 * @param now epoch milliseconds
 */
export function isTrusted(
  device: { trust_score: number; trust_observed_at?: string },
  { initial, threshold, halfLife }: Policy['trust'],
  now: number,
): boolean {
  const { trust_score, trust_observed_at } = device;
  if (halfLife === undefined || trust_observed_at === undefined) return trust_score >= threshold;
  const age = Math.max(now - Date.parse(trust_observed_at), 0);
  const weight = 0.5 ** (age / halfLife);
  return trust_score * weight + initial * (1 - weight) >= threshold;
}
