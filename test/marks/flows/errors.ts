/** Requests that fail for reasons other than their content, and a Neo4j that is away. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { CompleteCustomer } from './onboarding.ts';
import { CHECKOUT, customerPath, LIMIT, now, type Stage } from './stage.ts';

export async function requestWrongly(stage: Stage, { id }: CompleteCustomer): Promise<void> {
  const { marks, rest, rpc } = stage;
  const foreign = (where: string) => encodeURIComponent(marks.drawForeign(where));
  const address = () => `${foreign('an address in a path')}@marks.shop.example`;
  const as = { customer_id: id };
  expect((await rest('GET', `/api/v1/customers/${address()}/profile`, { as })).status).toBe(404);
  expect((await rest('GET', `/api/v1/customers/${address()}/profile`, { as: { role: 'ops' } })).status).toBe(
    422,
  );
  expect((await rest('GET', `/api/v1/customers/by-email/${address()}`, { as: { role: 'ops' } })).status).toBe(
    404,
  );
  expect((await rest('GET', `${customerPath(id)}/nothing/${address()}`, { as })).status).toBe(404);
  expect((await rest('PATCH', `${customerPath(id)}/profile?q=${address()}`, { as })).status).toBe(405);
  expect((await rest('GET', `${customerPath(id)}/timeline?cursor=${address()}`, { as })).status).toBe(422);
  const wrongToken = { authorization: `Bearer ${marks.drawForeign('a wrong token')}` };
  expect((await rest('GET', `${customerPath(id)}/profile`, { headers: wrongToken })).status).toBe(401);
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(
    (await rest('POST', '/api/v1/customers', { as: CHECKOUT, headers: form, body: `email=${address()}` }))
      .status,
  ).toBe(415);
  const headers = {
    'idempotency-key': marks.drawForeign('an invalid key'),
    'if-match': marks.drawForeign('an ETag'),
  };
  const identifiers = [{ type: 'email', value: `${marks.drawForeign('a body')}@marks.shop.example` }];
  const change = { as, headers, body: { identifiers } };
  expect((await rest('PUT', `${customerPath(id)}/profile`, change)).status).toBe(422);
  expect((await rpc('chimera', 'GetCustomer', { customer_id: id })).code).not.toBe(0);
  expect(
    (await rpc('ops', 'GetCustomer', { customer_id: marks.drawForeign('a customer id') })).code,
  ).not.toBe(0);
  expect((await rpc('ops', 'GetCustomer', { customer_id: randomUUID() })).code).not.toBe(0);
}

/** Reads, writes and processes while Persona does not reach Neo4j; what was accepted happens afterwards. */
export async function loseNeo4j(stage: Stage, { id }: CompleteCustomer): Promise<void> {
  const { marks, rest, rpc, system } = stage;
  const as = { customer_id: id };
  const email = marks.draw('OnboardingRequest.email');
  const body = { transaction_id: `away-${randomUUID()}`, occurred_at: now(), email };
  const onboard = () => rest('POST', '/api/v1/customers', { as: CHECKOUT, body });
  await system.withoutNeo4j(async () => {
    const identifiers = [{ type: 'email', value: marks.draw('ProfileChange.identifiers.value') }];
    const headers = { 'if-match': '*' };
    const onboarding = onboard();
    expect(
      (await rest('PUT', `${customerPath(id)}/profile`, { as, headers, body: { identifiers } })).status,
    ).toBe(503);
    expect((await rest('GET', `${customerPath(id)}/addresses`, { as })).status).toBe(503);
    const value = marks.draw('FindCustomerByDigitalIdRequest.value');
    expect((await rpc('ops', 'FindCustomerByDigitalId', { type: 'email', value })).code).toBe(14);
    // Its process repeats the activity; the worker logs why.
    await expect
      .poll(() => readFileSync(system.logs().worker ?? '', 'utf8'), LIMIT)
      .toContain('Neo4j cannot be reached');
    await onboarding;
  });
  await expect.poll(async () => (await onboard()).status, LIMIT).toBe(201);
}
