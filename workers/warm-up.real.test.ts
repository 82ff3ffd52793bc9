import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Graph, type Onboarded, onboard, rehearse } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import {
  closeVerified,
  onboardingRequest,
  openTestGraph,
  randomEmail,
  randomToken,
  testHeader,
} from '../test/graph.ts';
import { recordingGraph } from '../test/recording-graph.ts';
import { warmUp } from './warm-up.ts';

const policy = readPolicy();
let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(async () => {
  await closeVerified(graph);
});

test('what is rehearsed sees itself, and nobody else ever sees it', async () => {
  const request = onboardingRequest({
    digital_identifiers: identifiers(),
  });
  const answers: Onboarded[] = [];
  await rehearse(graph, async (stage) => {
    for (const transaction_id of ['a', 'b'])
      answers.push(await onboard(stage, testHeader(), { request: { ...request, transaction_id }, policy }));
  });
  expect(answers.map(({ created }) => created)).toEqual([true, false]);
  expect(new Set(answers.map(({ customer_id }) => customer_id)).size).toBe(1);
  const real = await onboard(graph, testHeader(), { request, policy });
  expect(real).toMatchObject({ created: true });
  expect(real.customer_id).not.toBe(answers[0]?.customer_id);
  const events = await graph.read('MATCH (e:PersonaEvent {stream_id: $id}) RETURN e.id AS id', {
    id: answers[0]?.customer_id,
  });
  expect(events).toEqual([]);
});

test('a failure undoes it too', async () => {
  const request = onboardingRequest();
  const header = testHeader();
  const failed = rehearse(graph, async (stage) => {
    await onboard(stage, header, { request, policy });
    throw new Error('in the middle');
  });
  await expect(failed).rejects.toThrow('in the middle');
  const receipts = await graph.read(
    'MATCH (r:CommandReceipt {caller: $caller, key: $key}) RETURN r.at AS at',
    {
      caller: header.caller,
      key: header.idempotencyKey,
    },
  );
  expect(receipts).toEqual([]);
});

const identifiers = () => [{ type: 'email' as const, value: randomEmail(), is_verified: true }];
const method = () => ({ payment_method_details: { type: 'card' as const, token: randomToken() } });
const device = () => ({ device_details: { fingerprint: randomToken(), user_agent: 'Firefox' } });
const address = {
  address_details: { street1: 'A', city: 'B', zip_code: '1', country: 'US', type: 'billing' as const },
};

test.each([
  ['everything', { ...method(), ...device(), ...address }],
  ['a method and a device', { ...method(), ...device() }],
  ['a method', method()],
  ['a device', device()],
  [
    'everything and another identifier',
    { digital_identifiers: [...identifiers(), ...identifiers()], ...method(), ...device(), ...address },
  ],
  ['nothing', {}],
])(
  'a warm-up sends every statement of an onboarding that brings %s beside an identifier',
  async (_, parts) => {
    const warm = recordingGraph(graph);
    await warmUp(warm.graph, policy);
    const asked = recordingGraph(graph);
    const request = onboardingRequest({ digital_identifiers: identifiers(), ...parts });
    await onboard(asked.graph, testHeader(), { request, policy });
    expect([...asked.statements.keys()].filter((cypher) => !warm.statements.has(cypher))).toEqual([]);
  },
);
