/**
 * Reads other agents' records and applies each of them (docs/decisions/33-events-in.md). Records of one key are processed
 * one after the other, those of different keys at the same time. An offset is committed only when every record before it
 * is processed or kept as a dead letter.
 */

import { setTimeout } from 'node:timers/promises';
import { ERRORS, PersonaError } from '../../domain/errors.ts';
import { OffsetTracker } from '../../domain/inbound/offsets.ts';
import {
  type CommittedOffset,
  type DeadLetterStore,
  type InboundRecord,
  recordId,
  type RecordReader,
  type Rejection,
} from '../../domain/inbound/records.ts';
import { createDeadLetters } from './dead-letters.ts';
import type { DecodeRecord } from './decode-record.ts';
import type { ProcessRecord } from './process-record.ts';

/** Each waits for the graph and for Temporal most of the time. */
const MAX_IN_PROGRESS = 32;
const COMMIT_EVERY_MS = 250;
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 5_000;
/** An error that no outage explains is probably the record's: it must not stop its partition for good. */
const MAX_UNEXPECTED_ERRORS = 5;

export interface ConsumeOptions {
  /** Joins the group. @throws PersonaError kafka_unavailable */
  openReader: () => Promise<RecordReader>;
  processRecord: ProcessRecord;
  /** For dead letters, whose card numbers are masked field by field. */
  decode: DecodeRecord;
  deadLetters: DeadLetterStore;
  observe: ConsumeObserver;
  /** Ends it, once what is in progress has been processed. */
  signal: AbortSignal;
}

export interface ConsumeObserver {
  /** `erased`: dropped, because it is about an erased customer. */
  onProcessed(record: InboundRecord, result: 'processed' | 'erased' | 'dead_letter'): void;
  onDeadLetter(record: InboundRecord, rejection: Rejection): void;
  /** A record, or all of them (`undefined`), wait for what the error names. */
  onWait(error: unknown, record?: InboundRecord): void;
  /** Whether it reads. */
  onReading(isReading: boolean): void;
}

/** Resolves after `signal` is aborted. Rejoins the group whenever its membership is lost. */
export async function consume(options: ConsumeOptions): Promise<void> {
  const { openReader, observe, signal } = options;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const reader = await openReader();
      observe.onReading(true);
      failures = 0;
      await consumeFrom(reader, options);
    } catch (error) {
      if (signal.aborted) return;
      observe.onWait(error);
    } finally {
      observe.onReading(false);
    }
    await pause(failures, signal);
  }
}

async function consumeFrom(reader: RecordReader, options: ConsumeOptions): Promise<void> {
  const session = createSession(options);
  const timer = setInterval(() => void session.commit(reader).catch(() => {}), COMMIT_EVERY_MS);
  const end = () => reader.end();
  options.signal.addEventListener('abort', end, { once: true });
  // Joining takes seconds: the signal may have been aborted meanwhile, and no record may ever come.
  if (options.signal.aborted) end();
  try {
    for await (const record of reader) {
      if (options.signal.aborted) break;
      await session.accept(record);
    }
  } finally {
    clearInterval(timer);
    options.signal.removeEventListener('abort', end);
    await session.finish();
    // What is not committed is read again, and has no further effect.
    await session.commit(reader).catch(() => {});
    await reader.close();
  }
}

interface Session {
  /** Resolves when there is room for another record. */
  accept(record: InboundRecord): Promise<void>;
  commit(reader: RecordReader): Promise<void>;
  /** Gives up records that wait, and awaits those in progress. */
  finish(): Promise<void>;
}

function createSession(options: ConsumeOptions): Session {
  const ending = new AbortController();
  const signal = AbortSignal.any([ending.signal, options.signal]);
  const deadLetterOf = createDeadLetters(options.decode);
  const partitions = new Map<string, Partition>();
  /** The last record of each key that is in progress. */
  const lanes = new Map<string, Promise<void>>();
  const inProgress = new Set<Promise<void>>();
  let committing: Promise<void> = Promise.resolve();
  /** The one that follows, which has not begun. */
  let nextCommit: Promise<void> | undefined;

  const commitNow = async (reader: RecordReader) => {
    const offsets = [...partitions.values()].flatMap(({ topic, partition, tracker }) => {
      const offset = tracker.committable;
      return offset === undefined ? [] : [{ topic, partition, offset, tracker }];
    });
    if (offsets.length === 0) return;
    await reader.commit(offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
    for (const { tracker, offset } of offsets) tracker.committed(offset);
  };

  return {
    async accept(record) {
      const { tracker } = partitionOf(partitions, record);
      // A rebalance makes Kafka send again what is not committed yet.
      if (!tracker.start(record.offset)) return;
      const lane = laneOf(record);
      const work = (lanes.get(lane) ?? Promise.resolve()).then(async () => {
        if (await handleRecord(record, { ...options, deadLetterOf, signal })) tracker.finish(record.offset);
      });
      lanes.set(lane, work);
      inProgress.add(work);
      const settled = work.finally(() => {
        inProgress.delete(work);
        if (lanes.get(lane) === work) lanes.delete(lane);
      });
      settled.catch(() => {});
      if (inProgress.size >= MAX_IN_PROGRESS) await Promise.race(inProgress);
    },
    commit(reader) {
      // One at a time, so that an older offset never replaces a newer one. Kafka may take minutes for one: those after it share the next.
      nextCommit ??= committing
        .catch(() => {})
        .then(() => {
          nextCommit = undefined;
          return commitNow(reader);
        });
      committing = nextCommit;
      return nextCommit;
    },
    async finish() {
      ending.abort();
      await Promise.allSettled(inProgress);
    },
  };
}

interface Partition extends Omit<CommittedOffset, 'offset'> {
  tracker: OffsetTracker;
}

function partitionOf(partitions: Map<string, Partition>, { topic, partition }: InboundRecord): Partition {
  const id = `${topic}/${partition}`;
  const known = partitions.get(id) ?? { topic, partition, tracker: new OffsetTracker() };
  partitions.set(id, known);
  return known;
}

/** A record without a key has no order. */
function laneOf(record: InboundRecord): string {
  const { topic, partition, key } = record;
  return key === undefined
    ? recordId(record)
    : `${topic}/${partition}/${Buffer.from(key).toString('base64')}`;
}

/**
 * Processes a record, or keeps it as a dead letter, however long that takes.
 * @returns `false`: it was given up, because the session ends
 */
async function handleRecord(
  record: InboundRecord,
  options: ConsumeOptions & { deadLetterOf: ReturnType<typeof createDeadLetters> },
): Promise<boolean> {
  const { processRecord, deadLetters, deadLetterOf, observe, signal } = options;
  let unexpected = 0;
  let rejection: Rejection | 'erased' | undefined;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      rejection ??= await processRecord(record);
      if (rejection === 'erased') {
        observe.onProcessed(record, rejection);
        return true;
      }
      if (rejection !== undefined) {
        await deadLetters.add(await deadLetterOf(record, rejection, Date.now()));
        observe.onDeadLetter(record, rejection);
      }
      observe.onProcessed(record, rejection === undefined ? 'processed' : 'dead_letter');
      return true;
    } catch (error) {
      observe.onWait(error, record);
      if (!isOutage(error)) unexpected += 1;
      if (unexpected >= MAX_UNEXPECTED_ERRORS)
        rejection = { error_type: 'internal', error: 'an unexpected error, which the log names' };
      await pause(failures, signal);
    }
  }
  return false;
}

const isOutage = (error: unknown) => error instanceof PersonaError && ERRORS[error.type].retryable;

async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const delay = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  await setTimeout(delay, undefined, { signal }).catch(() => {});
}
