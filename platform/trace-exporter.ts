/** Sends spans to a collector, with nothing in them but what is on a list, and never delays or fails what they describe. */

import type { Attributes } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  RandomIdGenerator,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import type { Policy } from '../domain/policy.ts';
import type { TraceEnvironment } from './environment.ts';
import type { Logger } from './logs.ts';
import { createSampler } from './trace-sampler.ts';
import { takeSpanId } from './tracing.ts';

/** How long a span waits for others; a process that is killed loses as much. */
const EXPORT_EVERY_MS = 1_000;
/** A collector that takes longer counts as away: the spans are dropped. */
const EXPORT_MS = 5_000;

/**
 * The attributes that spans may have. None of them is about a person: the ids are those of processes, and the texts of
 * statements have parameters instead of values.
 */
const ALLOWED: ReadonlySet<string> = new Set([
  'error.type',
  'http.request.method',
  'http.response.status_code',
  'http.route',
  'url.template',
  'rpc.system',
  'rpc.method',
  'rpc.grpc.status_code',
  'messaging.system',
  'messaging.destination.name',
  'db.system.name',
  'db.operation.name',
  'db.query.text',
  'persona.correlation_id',
  'temporalWorkflowId',
  'run_id',
]);

/** @returns the provider; close it at the end of the process */
export function createTraceProvider(
  { endpoint, serviceName }: TraceEnvironment,
  policy: Policy['traces'],
  logger: Logger,
): NodeTracerProvider {
  // Its headers, and what else the standard knows, are in environment variables that it reads itself.
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_MS,
  });
  const ids = new RandomIdGenerator();
  const provider = new NodeTracerProvider({
    resource: detectResources({ detectors: [envDetector] }).merge(
      resourceFromAttributes({ 'service.name': serviceName }),
    ),
    sampler: createSampler(policy),
    idGenerator: {
      generateTraceId: ids.generateTraceId,
      generateSpanId: () => takeSpanId() ?? ids.generateSpanId(),
    },
    spanProcessors: [
      new BatchSpanProcessor(reported(exporter, logger), {
        scheduledDelayMillis: EXPORT_EVERY_MS,
        exportTimeoutMillis: EXPORT_MS,
      }),
    ],
  });
  provider.register();
  return provider;
}

/** Exports what is allowed, and logs the first of several failures. */
function reported(exporter: SpanExporter, logger: Logger): SpanExporter {
  let isAway = false;
  return {
    export(spans, done) {
      exporter.export(spans.map(withoutValues), (result) => {
        const isFailure = result.error !== undefined || result.code !== 0;
        if (isFailure && !isAway)
          logger.warn({ reason: result.error?.message }, 'traces cannot be exported: they are dropped');
        if (!isFailure && isAway) logger.info('traces are exported again');
        isAway = isFailure;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}

/** Without messages of errors, their stacks, and attributes that are not listed, which libraries add; a root has no parent. */
export function withoutValues(span: ReadableSpan): ReadableSpan {
  const exception = span.events.find(({ name }) => name === 'exception');
  const type = exception?.attributes?.['exception.type'];
  const attributes: Attributes = Object.fromEntries(
    Object.entries(span.attributes).filter(([name]) => ALLOWED.has(name)),
  );
  if (typeof type === 'string') attributes['error.type'] ??= type;
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    parentSpanContext: isRoot(span) ? undefined : span.parentSpanContext,
    startTime: span.startTime,
    endTime: span.endTime,
    status: { code: span.status.code },
    attributes,
    links: span.links.map(({ context }) => ({ context })),
    events: [],
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Without a parent, or with itself as parent (`PastSpan`). */
const isRoot = (span: ReadableSpan) => span.parentSpanContext?.spanId === span.spanContext().spanId;
