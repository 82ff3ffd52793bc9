/**
 * Spans of what this process does (docs/decisions/34-traces.md). A trace begins with a request, an rpc, a record or a
 * schedule's run, and policy decides whether it is sampled; everything else is only ever a part of one. Unless `startTracing` has configured
 * an exporter, no span exists and these functions only run what they are given.
 */

import {
  type Attributes,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { PersonaError } from '../domain/errors.ts';

export { SpanKind } from '@opentelemetry/api';

let tracer: Tracer | undefined;
let nextSpanId: string | undefined;

/** @param next `undefined`: nothing is traced */
export function setTracer(next: Tracer | undefined): void {
  tracer = next;
}

export function isTracing(): boolean {
  return tracer !== undefined;
}

/** The id that the next span must have, if it is known elsewhere already. */
export function takeSpanId(): string | undefined {
  const id = nextSpanId;
  nextSpanId = undefined;
  return id;
}

/** The span of a request, an rpc or a record. */
export interface EntranceSpan {
  readonly traceId: string;
  readonly isSampled: boolean;
  /** For the caller: W3C trace context with this span as parent. */
  readonly traceparent: string;
  /** Runs `work` as a part of it. */
  run<T>(work: () => T): T;
  end(attributes: Attributes, end?: { name?: string; failure?: unknown }): void;
}

/**
 * Begins a trace, or continues the caller's. `undefined`: nothing is traced.
 * @param traceparent the caller's W3C trace context
 */
export function enter(
  name: string,
  kind: SpanKind.SERVER | SpanKind.CONSUMER,
  traceparent: string | undefined,
): EntranceSpan | undefined {
  if (tracer === undefined) return undefined;
  const span = tracer.startSpan(name, { kind }, contextOf(traceparent));
  const isSampled = span.isRecording();
  return {
    traceId: span.spanContext().traceId,
    isSampled,
    traceparent: traceparentOf(span),
    // Parts of a trace look for a sampled span around them.
    run: (work) => (isSampled ? context.with(trace.setSpan(ROOT_CONTEXT, span), work) : work()),
    end(attributes, { name: newName, failure } = {}) {
      if (!isSampled) return;
      if (newName !== undefined) span.updateName(newName);
      end(span, failure, attributes);
    },
  };
}

/** Runs `work` as a span of the sampled trace in progress; without one, it only runs `work`. */
export function traced<T>(
  name: string,
  attributes: Attributes,
  work: (span?: Pick<Span, 'setAttribute'>) => Promise<T>,
): Promise<T> {
  const span = begin(name, attributes, SpanKind.CLIENT);
  if (span === undefined) return work();
  return context.with(trace.setSpan(context.active(), span), async () => {
    try {
      const result = await work(span);
      span.end();
      return result;
    } catch (error) {
      end(span, error);
      throw error;
    }
  });
}

/** Begins a span of the sampled trace in progress, if there is one. @returns ends it, with its failure, if any */
export function beginSpan(name: string, attributes: Attributes): ((failure?: unknown) => void) | undefined {
  const span = begin(name, attributes, SpanKind.CLIENT);
  return span && ((failure) => end(span, failure));
}

/** A record that is being published, in the trace of what caused it. @param parent its W3C trace context */
export function beginPublishing(
  topic: string,
  parent: string,
): { traceparent: string; end: (failure?: unknown) => void } {
  // The parent decided that the trace is sampled: a consumer of the record may continue it.
  if (tracer === undefined) return { traceparent: parent, end: () => {} };
  const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': topic };
  const options = { kind: SpanKind.PRODUCER, attributes };
  const span = tracer.startSpan(`publish ${topic}`, options, contextOf(parent));
  return { traceparent: traceparentOf(span), end: (failure) => end(span, failure) };
}

/** A span that has ended already, and where it belongs. */
export interface PastSpan {
  readonly name: string;
  /** W3C trace context of its parent; with `spanId` itself: the trace begins with it. */
  readonly parent: string;
  /** Absent: a new one. */
  readonly spanId?: string;
  /** W3C trace context of a span of another trace. */
  readonly link?: string;
  readonly startTime: Date;
  readonly attributes: Attributes;
}

export function recordPastSpan({ name, parent, spanId, link, startTime, attributes }: PastSpan): void {
  if (tracer === undefined) return;
  const linked = link === undefined ? undefined : trace.getSpanContext(contextOf(link));
  const links = linked ? [{ context: linked }] : [];
  nextSpanId = spanId;
  tracer.startSpan(name, { startTime, attributes, links }, contextOf(parent)).end();
  nextSpanId = undefined;
}

/** Runs `work`, in which nothing belongs to the trace in progress. */
export const untraced = <T>(work: () => T): T => context.with(ROOT_CONTEXT, work);

/** W3C trace context with the span in progress as parent; `undefined`: the trace is not sampled, or there is none. */
export function activeTraceparent(): string | undefined {
  const span = activeSpan();
  return span && traceparentOf(span);
}

/** The log fields of the sampled trace in progress. */
export function traceFields(): { trace_id?: string } {
  const span = activeSpan();
  return span ? { trace_id: span.spanContext().traceId } : {};
}

function begin(name: string, attributes: Attributes, kind: SpanKind): Span | undefined {
  if (tracer === undefined || activeSpan() === undefined) return undefined;
  return tracer.startSpan(name, { kind, attributes });
}

function activeSpan(): Span | undefined {
  if (tracer === undefined) return undefined;
  const span = trace.getActiveSpan();
  return span?.isRecording() ? span : undefined;
}

/** Errors have a type here and no message: it may repeat a value. */
function end(span: Span, failure: unknown, attributes: Attributes = {}): void {
  if (failure !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute('error.type', failure instanceof PersonaError ? failure.type : 'internal');
  }
  span.setAttributes(attributes);
  span.end();
}

function contextOf(traceparent: string | undefined) {
  return propagation.extract(ROOT_CONTEXT, { traceparent });
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
