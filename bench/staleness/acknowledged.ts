/** The versions of customers that writers were answered, to find out how outdated an answer is. */

interface Acknowledged {
  version: number;
  /** Monotonic milliseconds. */
  at: number;
}

/** Long after any answer that may still lack them. */
const KEPT_MS = 60_000;

export class AcknowledgedVersions {
  readonly #byCustomer = new Map<string, Acknowledged[]>();

  /** @param at when the response to the write arrived, in monotonic milliseconds */
  add(customerId: string, version: number, at: number): void {
    const kept = (this.#byCustomer.get(customerId) ?? []).filter((known) => known.at > at - KEPT_MS);
    kept.push({ version, at });
    this.#byCustomer.set(customerId, kept);
  }

  /**
   * For how long, before its request was sent, the first write that an answer lacks had been acknowledged.
   *
   * @param version of the answer
   * @param sentAt monotonic milliseconds
   * @returns milliseconds; 0: it lacks none
   */
  lag(customerId: string, version: number, sentAt: number): number {
    let lag = 0;
    for (const known of this.#byCustomer.get(customerId) ?? [])
      if (known.version > version) lag = Math.max(lag, sentAt - known.at);
    return lag;
  }
}
