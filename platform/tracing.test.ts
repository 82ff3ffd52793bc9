import { context, propagation, trace } from '@opentelemetry/api';
import { pino } from 'pino';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { PersonaError } from '../domain/errors.ts';
import { type ReceivedSpan, startTraceReceiver, type TraceReceiver } from '../test/trace-receiver.ts';
import { startTracing } from './start-tracing.ts';
import {
  activeTraceparent,
  beginPublishing,
  beginSpan,
  enter,
  SpanKind,
  traced,
  traceFields,
} from './tracing.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const sampled = `00-${TRACE}-00f067aa0ba902b7-01`;
const unsampled = `00-${TRACE}-00f067aa0ba902b7-00`;

let collector: TraceReceiver;
beforeEach(async () => {
  collector = await startTraceReceiver();
  onTestFinished(() => collector.close().catch(() => {}));
});

/** @returns stops it, and with it sends all spans */
async function start(policy = { sampleRatio: 0, maxCallerSampledPerSecond: 10 }) {
  const logged: string[] = [];
  let stop = async () => {};
  await startTracing({ endpoint: collector.endpoint, serviceName: 'test' }, policy, {
    logger: pino({ base: null }, { write: (line) => void logged.push(JSON.parse(line).msg) }),
    shutdown: { add: (_, step) => (stop = async () => step()) },
  });
  const end = async () => {
    await stop();
    for (const api of [trace, context, propagation]) api.disable();
  };
  onTestFinished(end);
  return { end, logged };
}

const request = (traceparent?: string) => enter('GET', SpanKind.SERVER, traceparent);
const nameOf = ({ name }: ReceivedSpan) => name;

test('without a collector there are no spans, and everything runs', async () => {
  expect(request(sampled)).toBeUndefined();
  expect(beginSpan('x', {})).toBeUndefined();
  expect(await traced('x', {}, async (span) => span ?? 'ran')).toBe('ran');
  expect([activeTraceparent(), traceFields()]).toEqual([undefined, {}]);
  // A relay that traces nothing passes the trace on.
  expect(beginPublishing('t', sampled).traceparent).toBe(sampled);
});

test('what happens within a request, also in another process, is a part of its trace', async () => {
  const { end } = await start();
  const span = request(sampled);
  await span?.run(async () => {
    await traced('POST /v1/x', { 'http.request.method': 'POST' }, async (inner) => {
      inner?.setAttribute('http.response.status_code', 200);
      beginSpan('graph read', {})?.();
      expect(traceFields()).toEqual({ trace_id: TRACE });
    });
    beginPublishing('t', activeTraceparent() ?? '').end();
  });
  span?.end({ 'http.route': '/x' }, { name: 'GET /x' });
  await end();
  const [read, post, publish, get] = collector.spans;
  expect(collector.spans.map(nameOf)).toEqual(['graph read', 'POST /v1/x', 'publish t', 'GET /x']);
  expect(get).toMatchObject({ service: 'test', traceId: TRACE, parentId: '00f067aa0ba902b7' });
  expect(get?.attributes).toEqual({ 'http.route': '/x' });
  expect(post?.attributes).toEqual({ 'http.request.method': 'POST', 'http.response.status_code': 200 });
  expect([post?.parentId, read?.parentId, publish?.parentId]).toEqual([
    get?.spanId,
    post?.spanId,
    get?.spanId,
  ]);
  expect(span?.traceparent).toBe(`00-${TRACE}-${get?.spanId}-01`);
});

test('policy decides what is sampled, and how many traces callers may demand', async () => {
  const none = await start({ sampleRatio: 0, maxCallerSampledPerSecond: 2 });
  expect([request(), request(unsampled), request('nonsense')].map((span) => span?.isSampled)).toEqual([
    ...[false, false, false],
  ]);
  const burst = Array.from({ length: 20 }, () => request(sampled)?.isSampled);
  expect(burst.filter(Boolean)).toHaveLength(2);
  expect(request(unsampled)?.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  // Outside of a request, such as a probe.
  expect(beginSpan('graph read', {})).toBeUndefined();
  await none.end();

  await start({ sampleRatio: 1, maxCallerSampledPerSecond: 0 });
  expect([request(), request(sampled), request(unsampled)].map((span) => span?.isSampled)).toEqual([
    ...[true, true, false],
  ]);
});

test('a failure has a type and no message, and unlisted attributes are left out', async () => {
  const { end } = await start();
  const span = request(sampled);
  await span?.run(async () => {
    const failing = traced('send mail', { to: 'marked@example.com' }, () =>
      Promise.reject(new PersonaError('notice_refused', 'marked@example.com')),
    );
    await expect(failing).rejects.toThrow('marked');
    // As Temporal's interceptors do.
    const other = trace.getTracer('library').startSpan('RunActivity:x', { attributes: { reason: 'marked' } });
    other.recordException(new TypeError('marked@example.com'));
    other.setStatus({ code: 2, message: 'marked@example.com' });
    other.end();
  });
  span?.end({});
  await end();
  expect(Object.fromEntries(collector.spans.map(({ name, attributes }) => [name, attributes]))).toEqual({
    'send mail': { 'error.type': 'notice_refused' },
    'RunActivity:x': { 'error.type': 'TypeError' },
    GET: {},
  });
  expect(Buffer.concat(collector.bodies).toString('latin1')).not.toContain('marked');
});

test('a collector that is away is logged once, and delays neither work nor the end', async () => {
  const { end, logged } = await start();
  await collector.close();
  for (let n = 0; n < 3; n += 1) request(sampled)?.end({});
  const startedAt = performance.now();
  await end();
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  expect(logged.length).toBeLessThanOrEqual(1);
});
