/** Reproducible random numbers: the same seed always yields the same sequence. */
export interface SeededRandom {
  /** 0 ≤ x < 1 */
  next(): number;
  /** An integer, 0 ≤ n < below. */
  below(below: number): number;
  chance(probability: number): boolean;
  /** One of the values, with a probability proportional to its weight. */
  pick<T>(weighted: readonly (readonly [weight: number, value: T])[]): T;
}

/** mulberry32 */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    below: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick(weighted) {
      let left = next() * weighted.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, value] of weighted) {
        left -= weight;
        if (left < 0) return value;
      }
      throw new Error('nothing to pick from');
    },
  };
}
