/** Requests that fail for reasons other than their content, and a Neo4j that is away. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { CompleteCustomer } from './onboarding.ts';
import { CHECKOUT, customerPath, LIMIT, now, OPS, type Stage } from './stage.ts';

export async function requestWrongly(stage: Stage, { id }: CompleteCustomer): Promise<void> {
  const { marks, rest, rpc } = stage;
  const foreign = (where: string) => encodeURIComponent(marks.drawForeign(where));
  const address = () => `${foreign('an address in a path')}@marks.shop.example`;
  const as = { customer_id: id };
  const profile = `${customerPath(id)}/profile`;
  const refused = async (...request: Parameters<Stage['rest']>) => {
    const { status, json } = await rest(...request);
    expect(status, JSON.stringify(json)).toBeGreaterThanOrEqual(400);
  };
  await refused('GET', `/api/v1/customers/${address()}/profile`, { as });
  await refused('GET', `/api/v1/customers/${address()}/profile`, { as: OPS });
  await refused('GET', `/api/v1/customers/by-email/${address()}`, { as: OPS });
  await refused('GET', `${customerPath(id)}/nothing/${address()}`, { as });
  await refused('PATCH', `${profile}?q=${address()}`, { as });
  await refused('GET', `${customerPath(id)}/timeline?cursor=${address()}`, { as });
  await refused('GET', `${customerPath(id)}/recoveries/${address()}`, { as });
  await refused('GET', profile, {
    headers: { authorization: `Bearer ${marks.drawForeign('a wrong token')}` },
  });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  await refused('POST', '/api/v1/customers', { as: CHECKOUT, headers: form, body: `email=${address()}` });
  const identifiers = [{ type: 'email', value: `${marks.drawForeign('a body')}@marks.shop.example` }];
  for (const header of ['idempotency-key', 'if-match']) {
    const headers = { 'if-match': '*', [header]: marks.drawForeign(`an invalid ${header}`) };
    await refused('PUT', profile, { as, headers, body: { identifiers } });
  }
  for (const [role, request] of [
    ['chimera', { customer_id: id }],
    ['ops', { customer_id: marks.drawForeign('a customer id') }],
    ['ops', { customer_id: randomUUID() }],
  ] as const)
    expect((await rpc(role, 'GetCustomer', request)).code).not.toBe(0);
  const payment_id = marks.drawForeign('a payment id');
  expect((await rpc('ops', 'GetRecovery', { payment_id })).code).not.toBe(0);
}

/** Reads, writes and processes while Persona does not reach Neo4j; what was accepted happens afterwards. */
export async function loseNeo4j(stage: Stage, { id }: CompleteCustomer): Promise<void> {
  const { marks, rest, rpc, system } = stage;
  const as = { customer_id: id };
  const email = marks.draw('OnboardingRequest.email');
  const body = { transaction_id: `away-${randomUUID()}`, occurred_at: now(), email };
  const onboard = (tries?: number) =>
    rest('POST', '/api/v1/customers', { as: CHECKOUT, body, ...(tries && { tries }) });
  await system.withoutNeo4j(async () => {
    const identifiers = [{ type: 'email', value: marks.draw('ProfileChange.identifiers.value') }];
    const headers = { 'if-match': '*' };
    const onboarding = onboard(1);
    const change = { as, headers, body: { identifiers }, tries: 1 };
    const value = marks.draw('FindCustomerByDigitalIdRequest.value');
    // Concurrently: each waits for its time limit.
    const [changed, read, found] = await Promise.all([
      rest('PUT', `${customerPath(id)}/profile`, change),
      rest('GET', `${customerPath(id)}/addresses`, { as, tries: 1 }),
      rpc('ops', 'FindCustomerByDigitalId', { type: 'email', value }, {}, 1),
    ]);
    expect([changed.status, read.status, found.code]).toEqual([503, 503, 14]);
    // Its process repeats the activity; the worker logs why.
    await expect
      .poll(() => readFileSync(system.logs().worker ?? '', 'utf8'), LIMIT)
      .toContain('Neo4j cannot be reached');
    await onboarding;
  });
  await expect.poll(async () => (await onboard()).status, LIMIT).toBe(201);
}
