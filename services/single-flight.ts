/** Concurrent requests for the same thing share one read. */

interface RunningRead<T> {
  readonly startedAt: number;
  readonly result: Promise<T>;
}

export class SingleFlight<T> {
  readonly #running = new Map<string, RunningRead<T>>();

  /**
   * Joins the running read of this key, or starts one.
   * @param notBefore monotonic milliseconds: a read that started earlier may lack what the request must see
   */
  run(key: string, notBefore: number, read: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key);
    if (running !== undefined && running.startedAt >= notBefore) return running.result;
    const startedAt = performance.now();
    const started: RunningRead<T> = {
      startedAt,
      result: read().finally(() => {
        if (this.#running.get(key) === started) this.#running.delete(key);
      }),
    };
    this.#running.set(key, started);
    return started.result;
  }

  /** Requests from now on do not join the read that runs now. */
  forget(key: string): void {
    this.#running.delete(key);
  }
}
