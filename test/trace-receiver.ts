/** An OpenTelemetry collector: receives spans as OTLP over HTTP in Protobuf, and keeps them. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

export interface ReceivedSpan {
  service: string;
  traceId: string;
  spanId: string;
  /** Absent: the trace begins with it. */
  parentId?: string;
  name: string;
  attributes: Record<string, string | number>;
  /** Trace ids. */
  links: string[];
}

export interface TraceReceiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** As received. */
  readonly bodies: readonly Buffer[];
  close(): Promise<void>;
}

/** @param port default: any free one */
export async function startTraceReceiver(port = 0): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = [];
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      bodies.push(body);
      spans.push(...spansIn(body));
      response.setHeader('content-type', 'application/x-protobuf').end();
    });
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bodies,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The fields of a message by their numbers in opentelemetry/proto/trace/v1/trace.proto; those of a fixed length are left out. */
function fieldsOf(bytes: Uint8Array) {
  const reader = new BinaryReader(bytes);
  const messages: Uint8Array[][] = [];
  const numbers: number[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.LengthDelimited) (messages[field] ??= []).push(reader.bytes());
    else if (type === WireType.Varint) numbers[field] = Number(reader.int64());
    else reader.skip(type);
  }
  return {
    all: (field: number) => messages[field] ?? [],
    text: (field: number) => Buffer.from(messages[field]?.[0] ?? []).toString(),
    hex: (field: number) => Buffer.from(messages[field]?.[0] ?? []).toString('hex'),
    number: (field: number) => numbers[field],
  };
}

function spansIn(body: Uint8Array): ReceivedSpan[] {
  return fieldsOf(body)
    .all(1)
    .map(fieldsOf)
    .flatMap((resourceSpans) => {
      const [resource = new Uint8Array()] = resourceSpans.all(1);
      const service = String(attributesOf(fieldsOf(resource).all(1))['service.name']);
      const scopes = resourceSpans.all(2).map(fieldsOf);
      return scopes.flatMap((scope) => scope.all(2).map((span) => spanOf(service, span)));
    });
}

function spanOf(service: string, bytes: Uint8Array): ReceivedSpan {
  const span = fieldsOf(bytes);
  const parentId = span.hex(4);
  return {
    ...{ service, traceId: span.hex(1), spanId: span.hex(2), name: span.text(5) },
    ...(parentId !== '' && { parentId }),
    attributes: attributesOf(span.all(9)),
    links: span.all(13).map((link) => fieldsOf(link).hex(1)),
  };
}

function attributesOf(pairs: readonly Uint8Array[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const { text, all } = fieldsOf(pair);
      const value = fieldsOf(all(2)[0] ?? new Uint8Array());
      return [text(1), value.number(3) ?? value.text(1)];
    }),
  );
}

/** Spans whose parent was not received. */
export function orphansOf(spans: readonly ReceivedSpan[]): ReceivedSpan[] {
  const known = new Set(spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`));
  return spans.filter(
    ({ traceId, parentId }) => parentId !== undefined && !known.has(`${traceId} ${parentId}`),
  );
}
