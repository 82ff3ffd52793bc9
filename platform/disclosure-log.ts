/**
 * Gathers what this process gives out, and writes it every few seconds, so that no answer waits for it. A killed process
 * loses those seconds (docs/privacy.md).
 */

import { LRUCache } from 'lru-cache';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Disclose, Disclosed } from '../domain/disclosures/disclosed.ts';
import type { Logger } from './logs.ts';

/** One disclosure of one day. */
interface DailyDisclosure extends Disclosed {
  readonly customer_id: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
}

export interface DisclosureLog {
  readonly disclose: Disclose;
  /** Writes everything that is pending. Never fails: what cannot be written waits for the next time. */
  flush(): Promise<void>;
  /** Writes once more, and ends. */
  close(): Promise<void>;
}

const EVERY_MS = 3_000;
/** Per statement: well within a transaction's time. As many waiting are written at once. */
const BATCH = 5_000;
/** Waiting while Neo4j does not respond, or for a peak to be written: about 25 MB. Those beyond are lost, and counted. */
const MAX_PENDING = 100_000;
/** What was written today, so that it is not written again: about 15 MB. Beyond it the least recent is. */
const MAX_WRITTEN = 100_000;
const DAY_MS = 24 * 3_600_000;

/**
 * @param options.write writes a batch in one statement
 * @param options.now epoch milliseconds
 */
export function openDisclosureLog({
  write,
  registry,
  logger,
  now = Date.now,
}: {
  write: (disclosures: readonly DailyDisclosure[]) => Promise<void>;
  registry: Registry;
  logger: Pick<Logger, 'warn'>;
  now?: () => number;
}): DisclosureLog {
  const pending = new Map<string, DailyDisclosure>();
  const written = new LRUCache<string, true>({ max: MAX_WRITTEN });
  /** The beginning of each key of today, by the content: the objects are few, and live as long as the process. */
  const prefixes = new Map<Disclosed, string>();
  let today = { day: '', endsAt: 0 };
  let running: Promise<void> | undefined;
  let isFailing = false;
  const registers = [registry];
  const lost = new Counter({
    name: 'persona_disclosures_lost_total',
    help: 'Disclosures that were not written, because too many were waiting for Neo4j',
    registers,
  });
  new Gauge({
    name: 'persona_disclosures_pending',
    help: 'Disclosures of this process that are yet to be written',
    registers,
    collect() {
      this.set(pending.size);
    },
  });

  function startDay(at: number): void {
    const start = at - (at % DAY_MS);
    today = { day: new Date(start).toISOString().slice(0, 10), endsAt: start + DAY_MS };
    written.clear();
    prefixes.clear();
  }

  function keyOf(customerId: string, disclosed: Disclosed): string {
    let prefix = prefixes.get(disclosed);
    if (prefix === undefined) {
      const { recipient, purpose, categories } = disclosed;
      prefix = JSON.stringify([today.day, recipient, purpose, categories]);
      prefixes.set(disclosed, prefix);
    }
    return prefix + customerId;
  }

  async function writeAll(): Promise<void> {
    while (pending.size > 0) {
      const batch = firstOf(pending, BATCH);
      try {
        await write(batch.map(([, disclosure]) => disclosure));
      } catch (error) {
        if (!isFailing) logger.warn({ err: error }, 'disclosures cannot be written: they wait');
        isFailing = true;
        return;
      }
      isFailing = false;
      for (const [key] of batch) {
        pending.delete(key);
        written.set(key, true);
      }
    }
  }

  function flush(): Promise<void> {
    running ??= writeAll().finally(() => {
      running = undefined;
    });
    return running;
  }

  const timer = setInterval(() => void flush(), EVERY_MS);
  timer.unref();
  return {
    disclose(customer_id, disclosed) {
      const at = now();
      if (at >= today.endsAt) startDay(at);
      const key = keyOf(customer_id, disclosed);
      if (written.get(key) === true || pending.has(key)) return;
      if (pending.size >= MAX_PENDING) {
        lost.inc();
        return;
      }
      pending.set(key, { customer_id, day: today.day, ...disclosed });
      if (pending.size >= BATCH && !isFailing) void flush();
    },
    flush,
    async close() {
      clearInterval(timer);
      // Once more, after what is being written.
      await running;
      await flush();
    },
  };
}

function firstOf<K, V>(map: ReadonlyMap<K, V>, count: number): [K, V][] {
  const first: [K, V][] = [];
  for (const entry of map) {
    if (first.length === count) break;
    first.push(entry);
  }
  return first;
}
