/** Metrics of what is derived from the log. */

import { Gauge, type Registry } from 'prom-client';

interface State {
  name: string;
  lag?: { events: number; seconds: number };
  max_lag_seconds: number;
}

/** @param readStates called once for each scrape */
export function createProjectionMetrics(
  registry: Registry,
  readStates: () => Promise<readonly State[]>,
): void {
  let reading: Promise<readonly State[]> | undefined;
  const readOnce = () => {
    reading ??= readStates().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const gauge = (name: string, help: string, valueOf: (state: State) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['projection'],
      registers: [registry],
      async collect() {
        const states = await readOnce().catch(() => []);
        // Absent while the graph is away: an old value would look like a current one.
        this.reset();
        for (const state of states) {
          const value = valueOf(state);
          if (value !== undefined) this.set({ projection: state.name }, value);
        }
      },
    });
  gauge(
    'persona_projection_lag_events',
    'Events that a projection may lack at most',
    ({ lag }) => lag?.events,
  );
  gauge(
    'persona_projection_lag_seconds',
    'The age of the oldest event that a projection may lack, at most',
    ({ lag }) => lag?.seconds,
  );
  gauge(
    'persona_projection_max_lag_seconds',
    'The lag that the policy allows a projection',
    ({ max_lag_seconds }) => max_lag_seconds,
  );
}
