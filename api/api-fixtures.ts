/** Two API processes on one graph, from the callers' perspective. */

import { randomUUID } from 'node:crypto';
import type { ServiceError } from '@grpc/grpc-js';
import type { z } from '@hono/zod-openapi';
import { afterAll, beforeAll } from 'vitest';
import { type ApiProcess, type ApiUnderTest, openApiUnderTest } from '../test/api-fixture.ts';
import { randomEmail, randomToken } from '../test/test-graph.ts';

interface ApiPair extends Pick<ApiUnderTest, 'graph'> {
  first: ApiProcess;
  second: ApiProcess;
}

/** Starts them for the tests of the calling file. */
export function startTwoApis(): ApiPair {
  const apis = {} as ApiPair;
  let apiUnderTest: ApiUnderTest;
  beforeAll(async () => {
    apiUnderTest = await openApiUnderTest();
    const [first, second] = await Promise.all([apiUnderTest.startApi(), apiUnderTest.startApi()]);
    Object.assign(apis, { graph: apiUnderTest.graph, first, second });
  });
  afterAll(() => apiUnderTest.close());
  return apis;
}

interface RestResponse {
  status: number;
  headers: Headers;
  /** Untyped, because routes differ. */
  body: any;
}

/** GET, or POST if there is a body. */
export async function sendRequest(
  api: ApiProcess,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<RestResponse> {
  const response = await fetch(`${api.http}${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** PUT, PATCH or DELETE. A 204 has no body. */
export async function sendChange(
  api: ApiProcess,
  method: 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: unknown } = {},
): Promise<Omit<RestResponse, 'headers'> & { etag: string }> {
  const response = await fetch(`${api.http}${path}`, {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const etag = response.headers.get('etag') ?? '';
  return { status: response.status, etag, body: text === '' ? undefined : JSON.parse(text) };
}

/** The error of a gRPC call. @throws Error if the call succeeded */
export async function rpcError(response: Promise<unknown>): Promise<ServiceError> {
  return response.then(
    () => Promise.reject(new Error('the call was not refused')),
    (error) => error,
  );
}

export const now = () => new Date().toISOString();

/** The onboarding request of an unknown customer. */
export const newCustomerRequest = (change: object = {}) => ({
  transaction_id: randomUUID(),
  digital_identifiers: [{ type: 'email', value: randomEmail(), is_verified: true }],
  occurred_at: now(),
  ...change,
});

export const cardMethod = (token = randomToken()) => ({ type: 'card', token, off_session_consent: true });

export const onboard = async (api: ApiProcess, change: object = {}) =>
  (await sendRequest(api, '/api/v1/customers', newCustomerRequest(change))).body as {
    customer_id: string;
    version: number;
    payment_method_id: string;
    device_id: string;
  };

/** Adds a payment method. @param key - the idempotency key */
export const addMethod = (
  api: ApiProcess,
  customer_id: string,
  body: object = cardMethod(),
  key: string = randomUUID(),
) => sendRequest(api, `/api/v1/customers/${customer_id}/payment-methods`, body, { 'idempotency-key': key });

/** Whether the response matches the documented schema, without extra fields. */
export function matchesExactly(schema: z.ZodObject, response: Record<string, unknown>): boolean {
  return schema.strict().safeParse(response).success;
}
