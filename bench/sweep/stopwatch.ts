/** Measures how long at least one of its calls was in flight. */
export interface Stopwatch {
  around<T>(work: () => Promise<T>): Promise<T>;
  /** Milliseconds so far, without calls still in flight. */
  readonly total: number;
}

export function createStopwatch(now: () => number = () => performance.now()): Stopwatch {
  let underWay = 0;
  let since = 0;
  let total = 0;
  return {
    async around(work) {
      if (underWay === 0) since = now();
      underWay += 1;
      try {
        return await work();
      } finally {
        underWay -= 1;
        if (underWay === 0) total += now() - since;
      }
    },
    get total() {
      return total;
    },
  };
}
