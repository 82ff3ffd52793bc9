/** Sends one example to a running Persona, as an agent without any of Persona's code, and returns the response. */

import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client as GrpcClient, credentials, Metadata } from '@grpc/grpc-js';
import type { Client } from '@temporalio/client';
import { Stripe } from 'stripe';
import { type ApiProcess, WEBHOOK_SECRET } from '../api-fixture.ts';
import type { QueryExample, RestExample, RpcExample, SignalExample, UpdateExample } from './example.ts';

const DEADLINE_MS = 20_000;

/** @param observe gets the response @returns status, body, and only those headers that the example names */
export async function callRest(
  api: ApiProcess,
  { request, answer }: RestExample,
  observe: (response: Response) => void,
): Promise<unknown> {
  const { method, path, headers = {}, body } = request;
  const text = body === undefined ? undefined : JSON.stringify(body);
  const response = await fetch(`${api.http}${path}`, {
    method,
    headers: {
      ...(text !== undefined && { 'content-type': 'application/json' }),
      ...headers,
      // Computed for this body and time: the example's own signature would be refused.
      ...('stripe-signature' in headers && { 'stripe-signature': stripeSignature(text ?? '') }),
    },
    body: text,
  });
  observe(response);
  const named = Object.keys(answer.headers ?? {});
  return {
    status: response.status,
    ...(named.length > 0 && {
      headers: Object.fromEntries(named.map((name) => [name, response.headers.get(name)])),
    }),
    // A 204 has no body.
    body: response.status === 204 ? null : await response.json(),
  };
}

function stripeSignature(payload: string): string {
  return Stripe.webhooks.generateTestHeaderString({ payload, secret: WEBHOOK_SECRET });
}

const registry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    readFileSync(new URL('../../proto/gen/descriptors.binpb', import.meta.url)),
  ),
);

/** Every rpc of Persona's services, as `package.Service/Method`. */
export function allRpcs(): string[] {
  return [...registry].flatMap((type) =>
    type.kind === 'service' && type.typeName.startsWith('persona.')
      ? type.methods.map((method) => `${type.typeName}/${method.name}`)
      : [],
  );
}

/** Request and response in protobuf's JSON, fields as in the `.proto` files; for a stream a list, or its document. */
export async function callRpc(
  api: ApiProcess,
  { rpc, metadata = {}, request, answer, is_open: isOpen, is_document: isDocument }: RpcExample,
): Promise<unknown> {
  const [service = '', name] = rpc.split('/');
  const method = registry.getService(service)?.methods.find((one) => one.name === name);
  if (method === undefined) throw new Error(`there is no rpc ${rpc}`);
  const client = new GrpcClient(api.grpc, credentials.createInsecure());
  const call = client.makeServerStreamRequest(
    `/${rpc}`,
    (message: object) => Buffer.from(toBinary(method.input, fromJson(method.input, message as JsonValue))),
    (bytes: Buffer) =>
      toJson(method.output, fromBinary(method.output, bytes), {
        useProtoFieldName: true,
        alwaysEmitImplicit: true,
      }),
    request,
    Metadata.fromHttp2Headers(metadata),
    { deadline: Date.now() + DEADLINE_MS },
  );
  // A unary response is read as a stream of one message.
  const messages = isOpen && Array.isArray(answer) ? call.take(answer.length) : call;
  const answers = await messages.toArray().finally(() => client.close());
  if (isDocument) {
    const chunks = (answers as { chunk: string }[]).map(({ chunk }) => Buffer.from(chunk, 'base64'));
    return JSON.parse(Buffer.concat(chunks).toString());
  }
  return method.methodKind === 'server_streaming' ? answers : answers[0];
}

/** @returns the workflow's result, if the example has one */
export async function sendSignal(temporal: Client, example: SignalExample): Promise<unknown> {
  const { workflow, workflow_id: workflowId, signal, payload, start, result } = example;
  if (start === undefined) {
    await temporal.workflow.getHandle(workflowId).signal(signal, payload);
  } else {
    await temporal.workflow.signalWithStart(workflow, {
      ...{ workflowId, taskQueue: start.task_queue, args: [start.input] },
      ...{ signal, signalArgs: [payload] },
    });
  }
  return result === undefined ? undefined : temporal.workflow.getHandle(workflowId).result();
}

export function queryWorkflow(temporal: Client, { workflow_id, query }: QueryExample): Promise<unknown> {
  return temporal.workflow.getHandle(workflow_id).query(query);
}

export function sendUpdate(
  temporal: Client,
  { workflow_id, update, payload }: UpdateExample,
): Promise<unknown> {
  return temporal.workflow.getHandle(workflow_id).executeUpdate(update, { args: [payload] });
}

/** The names of the signals, queries and updates that a workflow handles, from its own metadata. */
export async function handlersOf(temporal: Client, workflowId: string): Promise<string[]> {
  const { definition } = await temporal.workflow
    .getHandle(workflowId)
    .query<{ definition: Record<string, { name?: string }[] | undefined> }>('__temporal_workflow_metadata');
  const { signalDefinitions = [], queryDefinitions = [], updateDefinitions = [] } = definition;
  return [...signalDefinitions, ...queryDefinitions, ...updateDefinitions]
    .map(({ name = '' }) => name)
    .filter((name) => !name.startsWith('__'));
}
