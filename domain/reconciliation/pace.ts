/** How many wallets a daily run compares, so that each is compared once within the cycle. */

const DAY_MS = 86_400_000;

/** The progress of one comparison of all wallets. */
export interface Pass {
  /** When it started, epoch milliseconds. */
  began_at: number;
  /** The last customer compared, and the number of customers compared. */
  after: string;
  done: number;
}

/** The first pass, or the one that follows a completed pass. */
export function nextPass(ended: Pass | undefined, cycleMs: number, now: number): Pass {
  const due = ended === undefined ? now : ended.began_at + spread(cycleMs);
  // Passes start at regular intervals; after a long outage the next one starts now.
  const began_at = now - due > cycleMs ? now : due;
  return { began_at, after: '', done: 0 };
}

/**
 * How many more customers are to be compared now. A pass is spread over the cycle less one day: a customer that is due
 * before the next daily run is compared in this one, so that the same customer is reached again within the cycle. After
 * failed runs, the next one catches up.
 *
 * @param customers the current number of customers
 * @param now epoch milliseconds
 * @returns `Infinity`: all remaining ones
 */
export function quotaOf(pass: Pass, customers: number, cycleMs: number, now: number): number {
  const share = cycleMs > DAY_MS ? (now + DAY_MS - pass.began_at) / spread(cycleMs) : 1;
  if (share >= 1) return Infinity;
  return Math.max(0, Math.ceil(customers * share) - pass.done);
}

function spread(cycleMs: number): number {
  return Math.max(cycleMs - DAY_MS, DAY_MS);
}
