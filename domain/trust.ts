import type { Policy } from './policy.ts';

/**
 * Whether a device is trusted now. With a half-life, what was observed counts less the older it is: the score moves
 * exponentially towards the initial one, from the observation on. A device that was never observed has nothing to lose,
 * and one whose observation lies ahead of this clock counts as observed just now. The graph asks the same in its own
 * language (`graph/devices/trust-query.ts`).
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
