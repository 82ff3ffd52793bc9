import { PersonaError, ERRORS } from '../../domain/errors.ts';
import { type InboundRecord, isTooLarge, type Rejection } from '../../domain/inbound/records.ts';
import { findCardNumber } from '../../domain/pan.ts';
import { enter, type EntranceSpan, SpanKind } from '../../platform/tracing.ts';
import type { DecodeRecord } from './decode-record.ts';
import { namesErased } from '../../services/late-messages.ts';
import { type HandlerDependencies, HANDLERS } from './handlers.ts';

/** A Temporal that takes longer counts as unavailable; the record is processed again. */
const TEMPORAL_MS = 5_000;
/** The trace in the header in which agents continue one, W3C trace context. */
const TRACE_ID = /^00-([0-9a-f]{32})-/;

/**
 * Applies one record; `undefined`: done, also if it was a repetition. `erased`: it is about a customer who is erased, or
 * being erased, and was dropped.
 * @returns why the record cannot be processed
 * @throws whatever prevents it from being processed now, such as PersonaError graph_unavailable, temporal_unavailable,
 * schema_registry_unavailable
 */
export type ProcessRecord = (record: InboundRecord) => Promise<Rejection | 'erased' | undefined>;

/** @param isKeyLost whether a data key that this process cannot open is one that no other process can, either */
export function createRecordProcessor(
  dependencies: HandlerDependencies,
  decode: DecodeRecord,
  isKeyLost: () => Promise<boolean>,
): ProcessRecord {
  const process = createUntracedProcessor(dependencies, decode, isKeyLost);
  return async (record) => {
    const { topic, headers } = record;
    const span = enter(`process ${topic}`, SpanKind.CONSUMER, headers.traceparent);
    if (span === undefined) return process(record, undefined);
    const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': topic };
    try {
      const rejection = await span.run(() => process(record, span));
      span.end({
        ...attributes,
        ...(typeof rejection === 'object' && { 'error.type': rejection.error_type }),
      });
      return rejection;
    } catch (error) {
      span.end(attributes, { failure: error });
      throw error;
    }
  };
}

function createUntracedProcessor(
  dependencies: HandlerDependencies,
  decode: DecodeRecord,
  isKeyLost: () => Promise<boolean>,
) {
  return async (
    record: InboundRecord,
    span: EntranceSpan | undefined,
  ): Promise<Rejection | 'erased' | undefined> => {
    if (isTooLarge(record)) return { error_type: 'too_large', error: 'only its place in its topic is kept' };
    const decoded = await decode(record);
    if ('rejection' in decoded) return decoded.rejection;
    const { value } = decoded;
    try {
      // Otherwise Temporal's client would repeat its request for more than a minute before it says that Temporal is away.
      await dependencies.temporal.withDeadline(new Date(Date.now() + TEMPORAL_MS), () =>
        HANDLERS[record.topic](dependencies, callerOf(record, span), value),
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof PersonaError) || error.type === 'internal') throw error;
      // The process would have to start with another ring: without one that fits, waiting would hold back the partition for good.
      const isOutage =
        ERRORS[error.type].retryable && !(error.type === 'key_unavailable' && (await isKeyLost()));
      if (isOutage) throw error;
      // For whatever reason it is refused: a dead letter would keep what it says about them.
      if (await namesErased(dependencies.graph, value)) return 'erased';
      return { error_type: error.type, error: error.message, ...eventIdOf(value) };
    }
  };
}

/** The topic begins with the agent's name. Only that agent may write to it, which the broker ensures. */
function callerOf({ topic, partition, offset, headers }: InboundRecord, span: EntranceSpan | undefined) {
  const trace = span?.isSampled ? span.traceId : TRACE_ID.exec(headers.traceparent ?? '')?.[1];
  return {
    actor: `agent:${topic.split('.')[0]}`,
    correlationId: trace ?? `${topic}:${partition}:${offset}`,
  };
}

const SHOWN_ID = /^[\w.:-]{1,128}$/;

/** The record was refused, perhaps for its id: only one that looks like an id is shown. */
function eventIdOf(value: object): { event_id?: string } {
  const id = 'event_id' in value ? value.event_id : undefined;
  return typeof id === 'string' && SHOWN_ID.test(id) && !findCardNumber(id) ? { event_id: id } : {};
}
