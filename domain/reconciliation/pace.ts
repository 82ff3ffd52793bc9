/** How many wallets a daily run compares, so that each is compared once within the cycle. */

const DAY_MS = 86_400_000;

/** How far the comparison of all wallets has come. */
export interface Pass {
  /** When it began, epoch milliseconds. */
  began_at: number;
  /** The last customer that was compared, and how many were. */
  after: string;
  done: number;
}

/** The first pass, and the one behind a pass that has reached the end. */
export function nextPass(ended: Pass | undefined, cycleMs: number, now: number): Pass {
  const due = ended === undefined ? now : ended.began_at + spread(cycleMs);
  // Passes keep their rhythm; after a long outage the next one begins now.
  const began_at = now - due > cycleMs ? now : due;
  return { began_at, after: '', done: 0 };
}

/**
 * How many more customers are to be compared now. A pass is spread over the cycle less one day: a place in the order of
 * customers that is due before the next daily run is dealt with in this one, so that the same place comes again within
 * the cycle. After runs that failed, the next one catches up.
 *
 * @param customers how many there are now
 * @param now epoch milliseconds
 * @returns `Infinity`: all that are left
 */
export function quotaOf(pass: Pass, customers: number, cycleMs: number, now: number): number {
  const share = cycleMs > DAY_MS ? (now + DAY_MS - pass.began_at) / spread(cycleMs) : 1;
  if (share >= 1) return Infinity;
  return Math.max(0, Math.ceil(customers * share) - pass.done);
}

function spread(cycleMs: number): number {
  return Math.max(cycleMs - DAY_MS, DAY_MS);
}
