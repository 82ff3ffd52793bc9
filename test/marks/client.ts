/** Calls REST and gRPC as the agents do, and keeps every response. */

import { fromBinary, fromJson, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf';
import { Client as GrpcClient, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  fetchAs,
  type RunCaller,
  trustAuthority,
  agentCredentials,
  channelOptions,
} from '../../platform/run-access.ts';
import type { RunFile } from '../../platform/run-file.ts';
import { grpcRegistry } from './string-fields.ts';

const DEADLINE_MS = 25_000;
/** A busy machine did not answer in time: unavailable, deadline exceeded. */
const UNANSWERED = [503, 504, 14, 4];
const MAX_TRIES = 5;

/** One response, as bytes. */
export interface KeptResponse {
  /** `GET /api/v1/customers/{customer_id}/profile`, ids replaced, or the rpc's name. */
  operation: string;
  /** The status of REST or gRPC. */
  status: number;
  failed: boolean;
  bytes: Buffer;
}

interface RestRequest {
  as?: RunCaller;
  body?: unknown;
  headers?: Record<string, string>;
  /** Default: 5, of requests that were not answered in time; their keys make them act once. */
  tries?: number;
}

export type MarkedClient = ReturnType<typeof createMarkedClient>;

/** @param headers sent with every REST request */
export function createMarkedClient({ auth, http, grpc }: RunFile, headers: Record<string, string>) {
  const responses: KeptResponse[] = [];
  trustAuthority(auth);

  /** @returns status and parsed body; a body that is a text is sent as it is */
  async function rest(
    method: string,
    path: string,
    request: RestRequest = {},
  ): Promise<{ status: number; etag: string; json: Record<string, any> }> {
    const { as, body, headers: own, tries = MAX_TRIES } = request;
    const init = {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }), ...own },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    };
    const url = `${http}${path}`;
    const response = as === undefined ? await fetch(url, init) : await fetchAs(auth, as, url, init);
    const text = await response.text();
    const head = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    responses.push({
      operation: `${method} ${path.replace(/\?.*/s, '')}`,
      status: response.status,
      failed: !response.ok,
      bytes: Buffer.from(`${head}\n\n${text}`),
    });
    if (UNANSWERED.includes(response.status) && tries > 1)
      return rest(method, path, { ...request, tries: tries - 1 });
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    const json = isJson ? (JSON.parse(text) as Record<string, any>) : {};
    return { status: response.status, etag: response.headers.get('etag') ?? '', json };
  }

  /** @returns the response's bytes, or the error */
  async function rpc(
    role: string,
    name: string,
    request: object,
    metadata: Record<string, string> = {},
    tries = MAX_TRIES,
  ): Promise<{ code: number; json: Record<string, any> }> {
    const [method, service] = findRpc(name);
    const client = new GrpcClient(grpc, agentCredentials(auth, role), channelOptions(auth));
    const call = client.makeServerStreamRequest(
      `/${service}/${name}`,
      (message: object) => Buffer.from(toBinary(method.input, fromJson(method.input, message as JsonValue))),
      (bytes: Buffer) => bytes,
      request,
      Metadata.fromHttp2Headers(metadata),
      { deadline: Date.now() + DEADLINE_MS },
    );
    const keep = (code: number, parts: Buffer[]) =>
      responses.push({ operation: name, status: code, failed: code !== 0, bytes: Buffer.concat(parts) });
    try {
      const parts = (await call.toArray()) as Buffer[];
      keep(0, parts);
      const [first] = parts;
      return { code: 0, json: first === undefined ? {} : decode(method.output, first) };
    } catch (thrown) {
      const { code, details, metadata: trailers } = thrown as ServiceError;
      const values = Object.values(trailers?.toHttp2Headers() ?? {}).flat();
      keep(code, [
        Buffer.from(details ?? String(thrown)),
        ...values.map((value) => Buffer.from(value as string)),
      ]);
      if (UNANSWERED.includes(code) && tries > 1) return rpc(role, name, request, metadata, tries - 1);
      return { code, json: {} };
    } finally {
      client.close();
    }
  }
  return { responses, rest, rpc };
}

type Rpc = ReturnType<typeof findRpc>[0];

function findRpc(name: string) {
  for (const type of grpcRegistry) {
    if (type.kind !== 'service' || !type.typeName.startsWith('persona.')) continue;
    const method = type.methods.find((one) => one.name === name);
    if (method !== undefined) return [method, type.typeName] as const;
  }
  throw new Error(`there is no rpc ${name}`);
}

function decode(output: Rpc['output'], bytes: Buffer): Record<string, any> {
  return toJson(output, fromBinary(output, bytes), { useProtoFieldName: true }) as Record<string, any>;
}
