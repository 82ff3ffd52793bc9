/** The API process is stopped while callers of both interfaces are sending: no accepted request loses its answer. */

import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createCustomer, type Graph, openConfiguredGraph, updateCustomer } from '../graph/index.ts';
import { readGraphEnvironment } from '../platform/environment.ts';
import { readPolicy } from '../platform/policy.ts';
import { PersonaAgentClient } from '../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { spawnApi, WEBHOOK_SECRET } from '../test/api-fixture.ts';
import { readReadyLine } from '../test/ready-line.ts';
import { testHeader } from '../test/test-graph.ts';

const CALLERS = 20;

let graph: Graph;
beforeAll(() => {
  graph = openConfiguredGraph(readGraphEnvironment(process.env));
});
afterAll(() => graph.close());

async function startProcess() {
  const child = spawnApi({
    ...{ PERSONA_INSECURE: '1', STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET, LOG_LEVEL: 'info' },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const { http, grpc, metrics } = await readReadyLine(child);
  const inProgress = async () => {
    const text = await (await fetch(metrics)).text();
    return Number(/^persona_requests_in_progress (\d+)$/m.exec(text)?.[1]);
  };
  return { child, http: new URL(http), grpc: grpc as string, inProgress };
}

/** Sends one request after the other on one connection. @returns why the first one failed */
async function sendRest(url: URL, onAnswer: () => void): Promise<string> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for (;;) {
      const sent = request(url, { agent });
      sent.end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      const body = Buffer.concat(await response.toArray()).toString();
      if (response.statusCode !== 200) return `${response.statusCode} ${body}`;
      JSON.parse(body);
      onAnswer();
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    agent.destroy();
  }
}

const getContext = (agent: PersonaAgentClient, customer_id: string, min_version: bigint) =>
  new Promise<ServiceError | undefined>((resolve) => {
    const consistency = Consistency.CONSISTENCY_STRONG;
    agent.getCustomerContext({ customer_id, transaction_id: '', consistency, min_version }, (error) =>
      resolve(error ?? undefined),
    );
  });

async function sendGrpc(address: string, customer_id: string, onAnswer: () => void): Promise<ServiceError> {
  // A connection of its own.
  const agent = new PersonaAgentClient(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    for (;;) {
      const error = await getContext(agent, customer_id, 0n);
      if (error !== undefined) return error;
      onAnswer();
    }
  } finally {
    agent.close();
  }
}

test('every accepted request is answered in full, later ones are refused, and the process ends with code 0', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const { child, http, grpc, inProgress } = await startProcess();

  // One call and one request are in progress when the process is stopped: one waits for a version that is written
  // later, of the other half of the body is still to come.
  const waiting = new PersonaAgentClient(grpc, credentials.createInsecure());
  const waited = getContext(waiting, customer_id, 2n);
  const socket = connect(Number(http.port), http.hostname);
  onTestFinished(() => void socket.destroy());
  let response = '';
  socket.on('data', (bytes) => {
    response += bytes;
  });
  socket.write(
    'POST /internal/v1/payment-failures HTTP/1.1\r\nHost: persona\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{',
  );
  await expect.poll(inProgress).toBe(2);

  const answers = Array.from({ length: 2 * CALLERS }, () => 0);
  const count = (n: number) => () => {
    answers[n] = (answers[n] ?? 0) + 1;
  };
  const profile = new URL(`/api/v1/customers/${customer_id}/profile`, http);
  const rest = Array.from({ length: CALLERS }, (_, n) => sendRest(profile, count(n)));
  const calls = Array.from({ length: CALLERS }, (_, n) => sendGrpc(grpc, customer_id, count(CALLERS + n)));
  await expect.poll(() => Math.min(...answers)).toBeGreaterThan(5);
  child.kill('SIGTERM');

  for (const reason of await Promise.all(rest)) expect(reason).toBe('ECONNREFUSED');
  for (const error of await Promise.all(calls)) expect(error.code).toBe(status.UNAVAILABLE);
  const ended = once(socket, 'close');
  socket.write('}');
  await ended;
  expect(response).toMatch(/^HTTP\/1.1 422 /);
  expect(response).toMatch(/\r\nconnection: close\r\n/i);
  expect(response).toContain('urn:persona:error:invalid_argument');
  const locale = { customer_id, locale: 'de-DE', by: 'service' as const, policy: readPolicy() };
  await updateCustomer(graph, testHeader(), locale);
  expect(await waited).toBeUndefined();
  waiting.close();

  const { exitCode, stderr } = await child;
  expect(exitCode).toBe(0);
  const lines = stderr.split('\n').map((line) => JSON.parse(line));
  const processed = (operation: string) =>
    lines.filter((line) => line.operation === operation && ['200', 'OK'].includes(line.code)).length;
  const sumOf = (counts: number[]) => counts.reduce((sum, each) => sum + each, 0);
  expect(sumOf(answers.slice(0, CALLERS))).toBe(processed('GET /api/v1/customers/:customer_id/profile'));
  expect(sumOf(answers.slice(CALLERS)) + 1).toBe(processed('GetCustomerContext'));
});
