/** A customer with everything that a person can have, erased; and one who shared a device and an address with them. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Agents } from '../../../dev/demo/agents.ts';
import type { Marks } from '../marks.ts';
import { changeAddresses, changeProfile, changeWallet } from './customer.ts';
import { addressAt, onboardCompletely } from './onboarding.ts';
import { failureOf } from './payments.ts';
import { CHECKOUT, customerPath, LIMIT, newCard, now, OPS, type Stage } from './stage.ts';

const PRIVACY = { role: 'privacy' };

export interface Erased {
  id: string;
  device_id: string;
  payment_id: string;
  methods: string[];
  gateway_customer_ref: string;
  erasure_id: string;
}

/** @param stage its marks are those of the erased person alone */
export async function eraseCompletely(stage: Stage & { others: Marks }, agents: Agents): Promise<Erased> {
  const { others, rest, rpc, system } = stage;
  // Whose device and address the erased one uses, too.
  const shared = {
    device_details: { fingerprint: others.draw('OnboardingRequest.device_details.fingerprint') },
    address_details: addressAt({ marks: others }, 'OnboardingRequest.address_details'),
  };
  const owner = await rest('POST', '/api/v1/customers', {
    as: CHECKOUT,
    body: {
      ...{ transaction_id: randomUUID(), occurred_at: now(), ...shared },
      digital_identifiers: [
        {
          ...{ type: 'email', is_verified: true },
          value: others.draw('OnboardingRequest.digital_identifiers.value'),
        },
      ],
    },
  });
  expect(owner.status, JSON.stringify(owner.json)).toBe(201);
  const { customer_id: otherId } = owner.json as { customer_id: string };
  const complete = await onboardCompletely(stage);
  const { id, device_id } = complete;
  const as = { customer_id: id };
  await changeProfile(stage, complete);
  await changeAddresses(stage, complete);
  await changeWallet(stage, complete);
  const score = { device_id, trust_score: 0.95, observed_at: now() };
  expect((await rpc('chimera', 'UpdateDeviceTrustScore', score)).code).toBe(0);
  // A payment that another card of theirs has paid.
  const card = async (occurred_at: string) => {
    const { json, status } = await rest('POST', '/api/v1/customers', {
      as: CHECKOUT,
      body: {
        ...{ transaction_id: randomUUID(), occurred_at, customer_id: id },
        ...shared,
        payment_method_details: {
          ...{ type: 'card', off_session_consent: true },
          token: await newCard(stage, 'OnboardingRequest.payment_method_details.token'),
        },
      },
    });
    expect(status, JSON.stringify(json)).toBe(200);
    return json.payment_method_id as string;
  };
  const methods = [await card(now()), await card(now())];
  const readWallet = () => rest('GET', `${customerPath(id)}/payment-methods`, { as });
  const statuses = async () =>
    ((await readWallet()).json.items as { status: string }[]).map((one) => one.status);
  await expect.poll(async () => (await statuses()).filter((one) => one === 'unverified'), LIMIT).toEqual([]);
  const failure = failureOf(stage, { id, device_id, methods, email: complete.email });
  const { payment_id } = failure;
  const body = failure;
  expect(
    (await rest('POST', '/internal/v1/payment-failures', { as: { role: 'synapse' }, body })).status,
  ).toBe(202);
  await expect.poll(async () => (await agents.getRecovery(payment_id))?.outcome, LIMIT).toBe('recovered');

  const ofOther = async () => ({
    addresses: (await rest('GET', `${customerPath(otherId)}/addresses`, { as: OPS })).json,
    devices: (await rpc('ops', 'GetDevices', { customer_id: otherId })).json,
  });
  const before = { other: await ofOther(), sums: await sumsOf(stage) };
  const [row] = await system.graph.read<{ ref: string }>(
    'MATCH (c:Customer {id: $id}) RETURN c.gateway_customer_ref AS ref',
    { id },
  );
  const accepted = await rest('DELETE', customerPath(id), { as: PRIVACY });
  expect(accepted.status, JSON.stringify(accepted.json)).toBe(202);
  const { erasure_id } = accepted.json as { erasure_id: string };
  // Immediately, and for everyone.
  expect((await rest('GET', `${customerPath(id)}/profile`, { as: OPS })).status).toBe(404);
  expect(
    (await rpc('cerebrum', 'GetCustomerContext', { customer_id: id, transaction_id: randomUUID() })).code,
  ).toBe(5);
  const progress = () => rest('GET', `/api/v1/erasures/${erasure_id}`);
  await expect
    .poll(async () => (await progress()).json, { timeout: 240_000, interval: 200 })
    .toMatchObject({ state: 'done' });
  expect({ other: await ofOther(), sums: await sumsOf(stage) }).toEqual(before);
  // A later report about them starts no run, and leaves no dead letter.
  const late = { ...failure, event_id: randomUUID(), payment_id: `late-${randomUUID()}` };
  expect(
    (await rest('POST', '/internal/v1/payment-failures', { as: { role: 'synapse' }, body: late })).status,
  ).toBe(404);
  return { id, device_id, payment_id, methods, gateway_customer_ref: row?.ref ?? '', erasure_id };
}

/** What was charged, by state and currency, as the graph and the gateway have it. */
async function sumsOf({ system }: Stage): Promise<unknown> {
  return system.graph.read(
    `MATCH (a:ChargeAttempt)
     RETURN a.state AS state, a.currency AS currency, sum(a.amount) AS amount, count(*) AS attempts
     ORDER BY state, currency`,
  );
}
