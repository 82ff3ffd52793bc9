/** Metrics of publishing to Kafka. */

import { Counter, Gauge, type Registry } from 'prom-client';

interface Lag {
  events: number;
  seconds: number;
}

/**
 * @param readLag called for each scrape; `undefined`: nothing was ever published
 * @returns to be called as the relay proceeds. `blocked`: the streams that wait because of an event
 */
export function createOutboxMetrics(
  registry: Registry,
  readLag: () => Promise<Lag | undefined>,
): (progress: { published?: number; blocked?: readonly unknown[] }) => void {
  const registers = [registry];
  const lagGauge = (name: string, help: string, valueOf: (lag: Lag) => number) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const lag = await readLag().catch(() => undefined);
        // Absent while the graph is away: an old value would look like a current one.
        if (lag === undefined) this.remove();
        else this.set(valueOf(lag));
      },
    });
  lagGauge('persona_outbox_lag_events', 'Events that are yet to be published to Kafka', (lag) => lag.events);
  lagGauge(
    'persona_outbox_lag_seconds',
    'The age that the oldest unpublished event has at most',
    (lag) => lag.seconds,
  );
  const published = new Counter({
    name: 'persona_outbox_published_events_total',
    help: 'Events published to Kafka by this process, repetitions included',
    registers,
  });
  const blocked = new Gauge({
    name: 'persona_outbox_blocked_streams',
    help: 'Customers and devices whose events wait for one that cannot be published',
    registers,
  });
  return (progress) => {
    if (progress.published !== undefined) published.inc(progress.published);
    if (progress.blocked !== undefined) blocked.set(progress.blocked.length);
  };
}
