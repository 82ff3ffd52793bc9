/**
 * Two customers, erased: one with everything that a person can have, whom Persona has created at the gateway, and one whom
 * others have created there; and one who shares a device and an address with the first.
 */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Agents } from '../../../dev/demo/agents.ts';
import { erasureNotificationId } from '../../../domain/workflow-contracts.ts';
import type { MarkedClient } from '../client.ts';
import type { Marks } from '../marks.ts';
import { readDataKeys } from '../sealed.ts';
import { changeAddresses, changeProfile, changeWallet } from './customer.ts';
import { addressAt, onboardCompletely } from './onboarding.ts';
import { failureOf, messagesOf } from './payments.ts';
import {
  CHECKOUT,
  customerPath,
  LIMIT,
  newCard,
  newCustomer,
  now,
  OPS,
  type Stage,
  statusesOf,
} from './stage.ts';

const PRIVACY = { role: 'privacy' };

export interface ToErase {
  /** With everything that a person can have. */
  id: string;
  device_id: string;
  payment_id: string;
  methods: string[];
  /** Whom others have created at the gateway. */
  knownId: string;
  failure: object;
  /** Who loses nothing. */
  otherId: string;
}

export interface Erased extends ToErase {
  /** The keys that were destroyed. */
  keys: Buffer[];
}

/** @param stage its marks are those of the erased customers alone */
export async function prepareErasure(stage: Stage & { others: Marks }, agents: Agents): Promise<ToErase> {
  const { others, rest, rpc } = stage;
  // Whose device and address the erased one uses, too.
  const shared = {
    device_details: { fingerprint: others.draw('OnboardingRequest.device_details.fingerprint') },
    address_details: addressAt({ marks: others }, 'OnboardingRequest.address_details'),
  };
  const email = others.draw('OnboardingRequest.digital_identifiers.value');
  const owner = await rest('POST', '/api/v1/customers', {
    as: CHECKOUT,
    body: {
      ...{ transaction_id: randomUUID(), occurred_at: now(), ...shared },
      digital_identifiers: [{ type: 'email', is_verified: true, value: email }],
    },
  });
  expect(owner.status, JSON.stringify(owner.json)).toBe(201);
  const { customer_id: otherId } = owner.json as { customer_id: string };
  const complete = await onboardCompletely(stage);
  const { id, device_id } = complete;
  const untilVerified = () => expect.poll(() => statusesOf(stage, id), LIMIT).not.toContain('unverified');
  // With the first card their profile gets the gateway's reference.
  await untilVerified();
  const score = { device_id, trust_score: 0.95, observed_at: now() };
  expect((await rpc('chimera', 'UpdateDeviceTrustScore', score)).code).toBe(0);
  // A payment that another card of theirs has paid.
  const addCard = async () => {
    const token = await newCard(stage, 'OnboardingRequest.payment_method_details.token');
    const { json, status } = await rest('POST', '/api/v1/customers', {
      as: CHECKOUT,
      body: {
        ...{ transaction_id: randomUUID(), occurred_at: now(), customer_id: id },
        ...shared,
        payment_method_details: { type: 'card', off_session_consent: true, token },
      },
    });
    expect(status, JSON.stringify(json)).toBe(200);
    return json.payment_method_id as string;
  };
  const addCards = async () => [await addCard(), await addCard()];
  const ready = newCustomer(stage, [{}], { gateway_customer_ref: await createAtGateway(stage) });
  // Before the others: it names the version that it has read.
  await changeProfile(stage, complete);
  const changed = [changeAddresses, changeWallet].map((change) => change(stage, complete));
  const [{ id: knownId }, methods] = await Promise.all([ready, addCards(), ...changed]);
  await untilVerified();
  const failure = failureOf(stage, { id, device_id, methods, email: complete.email });
  const { payment_id } = failure;
  const reported = { as: { role: 'synapse' }, body: failure };
  expect((await rest('POST', '/internal/v1/payment-failures', reported)).status).toBe(202);
  await expect.poll(async () => (await agents.getRecovery(payment_id))?.outcome, LIMIT).toBe('recovered');
  return { id, device_id, payment_id, methods, knownId, failure, otherId };
}

/** Erases both, and checks what everyone else has of them. @param second calls another API process */
export async function eraseCompletely(
  stage: Stage,
  second: Pick<MarkedClient, 'rpc'>,
  prepared: ToErase,
): Promise<Erased> {
  const { rest, rpc, system } = stage;
  const { id, knownId, otherId, failure } = prepared;
  const erasedIds = [id, knownId];
  const ofOther = async () => ({
    addresses: (await rest('GET', `${customerPath(otherId)}/addresses`, { as: OPS })).json,
    devices: (await rpc('ops', 'GetDevices', { customer_id: otherId })).json,
  });
  const read = { customer_id: id, transaction_id: randomUUID() };
  const contexts = async () =>
    Promise.all(
      [rpc, second.rpc].map(async (call) => (await call('cerebrum', 'GetCustomerContext', read)).code),
    );
  const [ref = '', knownRef = ''] = await gatewayRefs(stage, erasedIds);
  expect((await atGateway(stage, `customers/${ref}`)).status).toBe(200);
  expect((await atGateway(stage, `customers/${knownRef}/payment_methods`)).json.data).toHaveLength(1);
  const keys = (await readDataKeys(system)).filter((one) => erasedIds.includes(one.id));
  const before = { other: await ofOther(), sums: await sumsOf(stage) };
  // Both processes have the context in their caches.
  expect(await contexts()).toEqual([0, 0]);

  const erasures = await Promise.all(erasedIds.map((one) => request(stage, one)));
  // Immediately, and for everyone.
  expect((await rest('GET', `${customerPath(id)}/profile`, { as: OPS })).status).toBe(404);
  expect((await rpc('cerebrum', 'GetCustomerContext', read)).code).toBe(5);
  for (const erasure_id of erasures) {
    const progress = async () => (await rest('GET', `/api/v1/erasures/${erasure_id}`)).json;
    await expect.poll(progress, { timeout: 240_000, interval: 200 }).toMatchObject({
      state: 'done',
      // What the proof finds all the same.
      kept: [
        { where: 'Persona' },
        { where: "Neo4j's files" },
        { where: 'Temporal' },
        { where: 'Kafka topics other than persona.log.v1' },
        { where: 'persona.log.v1' },
      ],
    });
  }
  expect(await contexts()).toEqual([5, 5]);
  expect({ other: await ofOther(), sums: await sumsOf(stage) }).toEqual(before);
  expect((await atGateway(stage, `customers/${ref}`)).status).toBe(404);
  // Of the one whom others created there only the card is gone.
  expect((await atGateway(stage, `customers/${knownRef}`)).status).toBe(200);
  expect((await atGateway(stage, `customers/${knownRef}/payment_methods`)).json.data).toEqual([]);
  await expectForgottenByOthers(stage, erasedIds, erasures);
  // Late reports about them get no run, and no dead letter.
  const late = { ...failure, event_id: randomUUID(), payment_id: `late-${randomUUID()}` };
  const reported = { as: { role: 'synapse' }, body: late };
  expect((await rest('POST', '/internal/v1/payment-failures', reported)).status).toBe(404);
  return { ...prepared, keys: keys.map(({ key }) => key) };
}

async function request({ rest }: Stage, id: string): Promise<string> {
  const accepted = await rest('DELETE', customerPath(id), { as: PRIVACY });
  expect(accepted.status, JSON.stringify(accepted.json)).toBe(202);
  return (accepted.json as { erasure_id: string }).erasure_id;
}

async function gatewayRefs({ system }: Stage, ids: readonly string[]): Promise<string[]> {
  const rows = await system.graph.read<{ ref: string }>(
    'UNWIND $ids AS id MATCH (c:Customer {id: id}) RETURN c.gateway_customer_ref AS ref',
    { ids },
  );
  return rows.map(({ ref }) => ref);
}

async function createAtGateway(stage: Stage): Promise<string> {
  return (await atGateway(stage, 'customers', { method: 'POST' })).json.id as string;
}

async function atGateway({ system }: Stage, path: string, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${system.env.STRIPE_API_KEY}` };
  const response = await fetch(`${system.persona.addresses.gateway}/v1/${path}`, { ...init, headers });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

/** By Chimera; and nothing waits to be sent to them. @param erasures in the order of the ids */
async function expectForgottenByOthers(
  stage: Stage,
  ids: readonly string[],
  erasures: readonly string[],
): Promise<void> {
  const calls = await fetch(`${stage.system.persona.addresses.chimera_control}/_sim/calls`);
  const { data } = (await calls.json()) as { data: { rpc: string; request: { customer_id?: string } }[] };
  const forgotten = data.filter(({ rpc }) => rpc === 'ForgetCustomer');
  expect(forgotten.map(({ request }) => request.customer_id).sort()).toEqual([...ids].sort());
  for (const [n, id] of ids.entries()) {
    const last = erasureNotificationId(erasures[n] ?? '');
    const sent = (await messagesOf(stage, id)).map(({ notification_id }) => notification_id);
    expect(sent.filter((one) => one === last)).toHaveLength(1);
    expect(sent.at(-1)).toBe(last);
  }
}

/** What was charged, as the graph and the gateway have it. */
async function sumsOf({ system }: Stage): Promise<unknown> {
  const graph = await system.graph.read(
    `MATCH (a:ChargeAttempt)
     RETURN a.state AS state, a.currency AS currency, sum(a.amount) AS amount, count(*) AS attempts
     ORDER BY state, currency`,
  );
  const response = await fetch(`${system.persona.addresses.gateway}/_sim/charges`);
  return { graph, gateway: await response.json() };
}
