/**
 * Reads and writes contexts from many callers concurrently and records every answer that breaks a promise. Times are those
 * of the caller alone: an answer is compared with what had been acknowledged before its request was sent.
 */

import { setTimeout } from 'node:timers/promises';

export interface ContextAnswer {
  customer_id: string;
  segment: string;
  version: number;
  stale: boolean;
}

export interface ContextQuestion {
  customer_id: string;
  consistency: 'eventual' | 'strong';
  min_version: number;
}

export interface HammerOptions {
  customers: readonly string[];
  maxStalenessMs: number;
  /** Sets the customer's segment. @returns the customer's version afterwards */
  write(customerId: string, segment: string): Promise<number>;
  /** One for each process. */
  read: readonly ((question: ContextQuestion) => Promise<ContextAnswer>)[];
}

interface Acknowledged {
  version: number;
  at: number;
}

/** Callers of each process. */
const READERS = 8;
/** The longest pause between two writes of one customer: sometimes shorter, sometimes longer than cached contexts live. */
const MAX_PAUSE_MS = 400;

export class ContextHammer {
  readonly broken: string[] = [];
  readonly #options: HammerOptions;
  readonly #acknowledged: Map<string, Acknowledged[]>;
  readonly #segments = new Map<string, string>();

  constructor(options: HammerOptions) {
    this.#options = options;
    this.#acknowledged = new Map(options.customers.map((id) => [id, []]));
  }

  /** Every process answers `reads` requests, while each customer is written. */
  async run(reads: number): Promise<void> {
    const stop = new AbortController();
    const writers = this.#options.customers.map((customerId) => this.#writeUntil(stop.signal, customerId));
    await Promise.all(
      this.#options.read.map(async (_, api) => {
        let left = reads;
        const readSome = async () => {
          while (left-- > 0) await this.#readOnce(api);
        };
        await Promise.all(Array.from({ length: READERS }, readSome));
      }),
    );
    stop.abort();
    await Promise.all(writers);
  }

  async #writeUntil(stop: AbortSignal, customerId: string): Promise<void> {
    const name = segmentPrefix(customerId);
    const done = this.#acknowledged.get(customerId) ?? [];
    while (!stop.aborted) {
      const segment = `${name}${done.length}`;
      const version = await this.#options.write(customerId, segment);
      this.#segments.set(`${customerId} ${version}`, segment);
      done.push({ version, at: performance.now() });
      // What a cache or a running read still has now is outdated.
      await Promise.all(this.#options.read.map((_, api) => this.#readOnce(api, customerId, 'strong')));
      await setTimeout(Math.random() * MAX_PAUSE_MS, undefined, { signal: stop }).catch(() => {});
    }
  }

  async #readOnce(
    api: number,
    customer_id = pick(this.#options.customers),
    consistency = pick(['eventual', 'eventual', 'strong'] as const),
  ): Promise<void> {
    const { read, maxStalenessMs } = this.#options;
    const requestedAt = performance.now();
    const min_version = Math.random() < 0.3 ? this.#versionAt(customer_id, requestedAt) : 0;
    const bound = consistency === 'strong' ? requestedAt : requestedAt - maxStalenessMs;
    const least = Math.max(min_version, this.#versionAt(customer_id, bound));
    const asked = `${consistency}, min_version ${min_version}, of ${customer_id} at process ${api}`;
    try {
      const answer = await read[api]?.({ customer_id, consistency, min_version });
      if (answer === undefined) return;
      if (answer.customer_id !== customer_id || !answer.segment.startsWith(segmentPrefix(customer_id)))
        this.broken.push(`${asked}: another customer's data, ${JSON.stringify(answer)}`);
      if (answer.version < least) this.broken.push(`${asked}: version ${answer.version}, not ${least}`);
      if (answer.stale) this.broken.push(`${asked}: marked stale although Neo4j responds`);
      const segment = this.#segments.get(`${customer_id} ${answer.version}`);
      // A write that commits during the read may show, although the version was read before.
      if (segment !== undefined && numberOf(answer.segment) < numberOf(segment))
        this.broken.push(`${asked}: ${answer.segment} in version ${answer.version}, not ${segment}`);
    } catch (error) {
      this.broken.push(`${asked}: ${error}`);
    }
  }

  /** The newest version that was acknowledged before a time; 0: none. */
  #versionAt(customerId: string, time: number): number {
    return this.#acknowledged.get(customerId)?.findLast(({ at }) => at <= time)?.version ?? 0;
  }
}

/** What the segments of one customer have in common, and those of others do not. */
export function segmentPrefix(customerId: string): string {
  return `C${customerId.slice(-8).toUpperCase()}_`;
}

const numberOf = (segment: string) => Number(segment.split('_')[1]);

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)] as T;
}
