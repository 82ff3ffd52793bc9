/** A client without our proto files, which reads them by reflection and sends JSON. */

import {
  create,
  createFileRegistry,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client, type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReflectionV1, ReflectionV1Alpha } from '../../test/standard-grpc-clients.ts';
import { openAccess, fakeServices, silentObservers } from '../fakes.ts';
import { type GrpcServer, serveGrpc } from './server.ts';

const CUSTOMER = '0198c5f0-7a51-7d3e-9c1f-2b8a4f6d0e11';
let server: GrpcServer;

beforeAll(async () => {
  const services = fakeServices({
    onboard: async (_, request) => ({
      customer_id: CUSTOMER,
      created: true,
      version: 2,
      match: { rule: 'email', proven: false, suggested_customer_ids: [CUSTOMER] },
      warnings: [JSON.stringify(request)],
    }),
  });
  server = await serveGrpc({ host: '127.0.0.1', port: 0 }, services, silentObservers(), openAccess);
});
afterAll(() => server.close());

test.each([
  ['v1', ReflectionV1],
  ['v1alpha', ReflectionV1Alpha],
])('reflection %s lists exactly the served services', async (_, Reflection) => {
  const { list_services_response } = await sendReflectionRequest(Reflection, {
    list_services: '',
  });
  expect(list_services_response?.service.map(({ name }) => name).sort()).toEqual([
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'persona.v1.IdentityGraphService',
    'persona.v1.PersonaAgent',
    'persona.v1.PersonaCatalogue',
  ]);
});

test('the descriptors from reflection suffice to call a method with JSON', async () => {
  const registry = await reflect('persona.v1.IdentityGraphService');
  const method = registry.getService('persona.v1.IdentityGraphService')?.method.createCustomer;
  if (method === undefined) throw new Error('CreateCustomer is missing');
  const answer = (await callWithJson(registry, method, {
    transaction_id: 't-1',
    digital_identifiers: [{ type: 'email', value: 'ada@example.org', is_verified: true }],
    device_details: { fingerprint: 'fp-1', trust_score: 0 },
    occurred_at: '2026-04-18T10:00:00Z',
  })) as { warnings: string[] };
  expect(answer).toMatchObject({
    customer_id: CUSTOMER,
    created: true,
    version: '2',
    match: { rule: 'email', suggested_customer_ids: [CUSTOMER] },
  });
  // Absent fields stay absent; a score of 0 is present.
  expect(JSON.parse(answer.warnings[0] ?? '')).toEqual({
    transaction_id: 't-1',
    digital_identifiers: [{ type: 'email', value: 'ada@example.org', is_verified: true }],
    device_details: { fingerprint: 'fp-1', trust_score: 0 },
    occurred_at: '2026-04-18T10:00:00.000Z',
  });
});

test('error details can be decoded by reflection, too', async () => {
  const registry = await reflect('google.rpc.BadRequest');
  expect(registry.getMessage('google.rpc.BadRequest')?.fields.map(({ name }) => name)).toEqual([
    'field_violations',
  ]);
});

interface ReflectionRequest {
  list_services?: string;
  file_containing_symbol?: string;
}

interface ReflectionResponse {
  list_services_response?: { service: { name: string }[] };
  file_descriptor_response?: { file_descriptor_proto: Buffer[] };
}

function sendReflectionRequest(
  Reflection: typeof ReflectionV1,
  request: ReflectionRequest,
): Promise<ReflectionResponse> {
  const client = new Reflection(server.address, credentials.createInsecure());
  return new Promise<ReflectionResponse>((resolve, reject) => {
    const stream: ClientDuplexStream<ReflectionRequest, ReflectionResponse> = client.ServerReflectionInfo?.();
    stream.on('error', reject);
    stream.on('data', (response) => {
      resolve(response);
      stream.end();
    });
    stream.write(request);
  }).finally(() => client.close());
}

async function reflect(symbol: string): Promise<FileRegistry> {
  const { file_descriptor_response } = await sendReflectionRequest(ReflectionV1, {
    file_containing_symbol: symbol,
  });
  const files = (file_descriptor_response?.file_descriptor_proto ?? []).map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
  // A registry requires imports before the files that import them; here they follow.
  return createFileRegistry(create(FileDescriptorSetSchema, { file: files.toReversed() }));
}

async function callWithJson(
  registry: FileRegistry,
  method: DescMethod,
  request: JsonValue,
): Promise<JsonValue> {
  const client = new Client(server.address, credentials.createInsecure());
  const bytes = await new Promise<Uint8Array>((resolve, reject) => {
    client.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (json: JsonValue) => Buffer.from(toBinary(method.input, fromJson(method.input, json, { registry }))),
      (answer: Buffer) => answer,
      request,
      (error: ServiceError | null, answer?: Buffer) =>
        error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
    );
  }).finally(() => client.close());
  return toJson(method.output, fromBinary(method.output, bytes), { registry, useProtoFieldName: true });
}
