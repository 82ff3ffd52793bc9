/** The simulator's clock: real time plus the offset set by tests, with the tasks scheduled on it. */

interface Task {
  dueAt: number;
  run: () => void;
}

export class Clock {
  #offset = 0;
  #tasks: Task[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Epoch milliseconds. */
  now(): number {
    return Date.now() + this.#offset;
  }

  /** Epoch seconds, as Stripe writes times. */
  seconds(): number {
    return Math.floor(this.now() / 1000);
  }

  /** Runs the tasks that became due, in order, before it returns. */
  advance(milliseconds: number): void {
    this.#offset += milliseconds;
    this.#runDue();
  }

  after(milliseconds: number, run: () => void): void {
    this.#tasks.push({ dueAt: this.now() + milliseconds, run });
    this.#tasks.sort((a, b) => a.dueAt - b.dueAt);
    this.#arm();
  }

  reset(): void {
    clearTimeout(this.#timer);
    this.#tasks = [];
    this.#offset = 0;
  }

  #runDue(): void {
    for (let next = this.#tasks[0]; next !== undefined && next.dueAt <= this.now(); next = this.#tasks[0]) {
      this.#tasks.shift();
      next.run();
    }
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#tasks[0];
    if (next === undefined) return;
    // Node fires a timer of more than 2^31 − 1 ms immediately, so a distant task is checked once a day.
    const wait = Math.min(Math.max(next.dueAt - this.now(), 0), 86_400_000);
    this.#timer = setTimeout(() => this.#runDue(), wait);
  }
}
