/** Metrics and log lines of reading other agents' records. */

import { timeout, TimeoutStrategy } from 'cockatiel';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { DeletedRecords, InboundRecord, Rejection } from '../domain/inbound/records.ts';
import { recordId } from '../domain/inbound/records.ts';
import { createLateMessageCounter } from './erasure-metrics.ts';
import type { Logger } from './logs.ts';

const LOG_EVERY_MS = 10_000;
/** A Kafka that takes longer counts as away: the client would try for minutes, and no other metric be shown. */
const withinLimit = timeout(2_000, TimeoutStrategy.Aggressive);

/** @param readLag records by topic that are not processed yet, for each scrape; `undefined`: it is not reading */
export function createConsumerObserver(
  registry: Registry,
  logger: Logger,
  readLag: () => Promise<ReadonlyMap<string, number> | undefined>,
) {
  const registers = [registry];
  const records = new Counter({
    name: 'persona_consumer_records_total',
    help: 'Records of other agents that were processed, dropped because their customer is erased, or kept as dead letters',
    labelNames: ['topic', 'result'],
    registers,
  });
  const onLateMessage = createLateMessageCounter(registry);
  const waits = new Counter({
    name: 'persona_consumer_waits_total',
    help: 'Attempts to process a record that failed for an outage or an unexpected error, and are repeated',
    registers,
  });
  const deletions = new Counter({
    name: 'persona_consumer_deleted_records_total',
    help: 'Records of other agents that Kafka has deleted before they were read, by topic; at most, some may be marks of transactions',
    labelNames: ['topic'],
    registers,
  });
  new Gauge({
    name: 'persona_consumer_lag_records',
    help: 'Records that this process has yet to process, by topic',
    labelNames: ['topic'],
    registers,
    async collect() {
      const lag = await withinLimit.execute(() => readLag()).catch(() => undefined);
      // Absent while it does not read: an old value would look like a current one.
      this.reset();
      for (const [topic, count] of lag ?? []) this.set({ topic }, count);
    },
  });
  let loggedAt = -Infinity;
  return {
    onProcessed({ topic }: InboundRecord, result: 'processed' | 'erased' | 'dead_letter') {
      records.inc({ topic, result });
      if (result === 'erased') onLateMessage('kafka');
    },
    onDeadLetter(record: InboundRecord, { error_type, error, event_id }: Rejection) {
      logger.warn(
        { dead_letter: recordId(record), error_type, error, event_id },
        'a record was not processed',
      );
    },
    onDeleted({ topic, partition, from, to }: DeletedRecords) {
      deletions.inc({ topic }, Number(to - from));
      logger.error(
        { topic, partition, first_offset: String(from), last_offset: String(to - 1n) },
        'records were deleted before they were read',
      );
    },
    onWait(error: unknown, record?: InboundRecord) {
      waits.inc();
      if (Date.now() - loggedAt < LOG_EVERY_MS) return;
      loggedAt = Date.now();
      logger.warn({ err: error, ...(record && { record: recordId(record) }) }, 'records wait');
    },
  };
}
