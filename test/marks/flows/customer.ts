/** What customers and agents do with a profile, addresses, a wallet and devices. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { addressAt, type CompleteCustomer } from './onboarding.ts';
import { customerPath, LIMIT, newCard, newCustomer, OPS, type Stage } from './stage.ts';

const key = () => ({ 'idempotency-key': randomUUID() });

export async function changeProfile(stage: Stage, { id, email }: CompleteCustomer): Promise<void> {
  const { marks, rest, rpc } = stage;
  const as = { customer_id: id };
  const path = `${customerPath(id)}/profile`;
  const { json } = await rest('GET', path, { as });
  const identifiers = json.identifiers as {
    identifier_id: string;
    type: string;
    value: string;
    is_verified: boolean;
  }[];
  const added = [
    { type: 'email', value: marks.draw('ProfileChange.identifiers.value') },
    { type: 'phone_number', value: marks.draw('ProfileChange.identifiers.value', 'phone_number') },
  ];
  const body = {
    locale: 'de-DE',
    identifiers: [...identifiers.map(({ type, value }) => ({ type, value })), ...added],
  };
  // The onboarding may still record what it has found out: the version is then read once more.
  let version = '';
  const replace = async () => {
    version = (await rest('GET', path, { as })).etag;
    return rest('PUT', path, { as, body, headers: { 'if-match': version } });
  };
  let changed = await replace();
  await expect
    .poll(async () => {
      if (changed.status === 412) changed = await replace();
      return changed.status;
    }, LIMIT)
    .toBe(200);
  const stale = {
    ...body,
    identifiers: [{ type: 'email', value: marks.draw('ProfileChange.identifiers.value') }],
  };
  expect((await rest('PUT', path, { as, body: stale, headers: { 'if-match': version } })).status).toBe(412);
  expect((await rest('PUT', path, { as, body: stale })).status).toBe(428);
  const wrong = {
    identifiers: [{ type: 'email', value: marks.drawForeign('a refused e-mail address') }],
    ltv: '1',
  };
  expect((await rest('PUT', path, { as, body: wrong, headers: { 'if-match': '*' } })).status).toBe(422);
  const unverified = (changed.json.identifiers as typeof identifiers).find(
    (one) => one.value === added[0]?.value,
  );
  const verify = `${customerPath(id)}/identifiers/${unverified?.identifier_id}/verify`;
  const evidence = { evidence: marks.draw('IdentifierVerification.evidence') };
  const checkout = { role: 'checkout' };
  expect(await rest('POST', verify, { as: checkout, body: evidence, headers: key() })).toMatchObject({
    status: 200,
  });
  const unknown = `${customerPath(id)}/identifiers/${randomUUID()}/verify`;
  expect((await rest('POST', unknown, { as: checkout, body: evidence, headers: key() })).status).toBe(404);
  const other = await newCustomer({ ...stage, marks: stage.others ?? stage.marks }, [{}]);
  const claimed = { identifiers: [{ type: 'email', value: email }] };
  const theirs = { as: { customer_id: other.id }, headers: { 'if-match': '*' } };
  await rest('PUT', `${customerPath(other.id)}/profile`, { ...theirs, body: claimed });
  expect((await rpc('ops', 'GetCustomer', { customer_id: id })).code).toBe(0);
  const value = marks.again('FindCustomerByDigitalIdRequest.value', email);
  expect((await rpc('ops', 'FindCustomerByDigitalId', { type: 'email', value })).code).toBe(0);
}

export async function changeAddresses(stage: Stage, { id }: CompleteCustomer): Promise<void> {
  const { marks, rest, rpc } = stage;
  const as = { customer_id: id };
  const path = `${customerPath(id)}/addresses`;
  const body = addressAt(stage, 'AddressChange');
  const { json, status } = await rest('POST', path, { as, body, headers: key() });
  expect(status, JSON.stringify(json)).toBe(201);
  const one = `${path}/${json.address_id}`;
  const { etag } = await rest('GET', one, { as });
  const replaced = { ...addressAt(stage, 'AddressChange'), is_default: true };
  expect((await rest('PUT', one, { as, body: replaced, headers: { 'if-match': etag } })).status).toBe(200);
  expect((await rest('PUT', one, { as, body, headers: { 'if-match': etag } })).status).toBe(412);
  expect(
    (await rest('PUT', one, { as, body: { ...body, country: 'nowhere' }, headers: { 'if-match': '*' } }))
      .status,
  ).toBe(422);
  await rest('GET', path, { as });
  await rpc('ops', 'GetAddresses', { customer_id: id });
  await rpc('chimera', 'GetVerifiedAddresses', { customer_id: id });
  const user_agent = marks.draw('FindCustomersByUsageRequest.user_agent');
  const state = marks.again('FindCustomersByUsageRequest.state', replaced.state);
  await rpc('oracle', 'FindCustomersByUsage', { user_agent, state });
  const query = new URLSearchParams({
    user_agent: marks.draw('GET /internal/v1/customers/by-usage user_agent'),
    state: marks.again('GET /internal/v1/customers/by-usage state', replaced.state),
  });
  expect((await rest('GET', `/internal/v1/customers/by-usage?${query}`, { as: OPS })).status).toBe(200);
  expect((await rest('DELETE', one, { as, headers: { 'if-match': '*' } })).status).toBe(204);
}

export async function changeWallet(stage: Stage, { id, device_id }: CompleteCustomer): Promise<void> {
  const { marks, rest, rpc } = stage;
  const as = { customer_id: id };
  const path = `${customerPath(id)}/payment-methods`;
  const add = (token: string) =>
    rest('POST', path, {
      as,
      headers: key(),
      body: { type: 'card', token, device_id, off_session_consent: true },
    });
  const { json, status } = await add(await newCard(stage, 'NewPaymentMethod.token'));
  expect(status, JSON.stringify(json)).toBe(201);
  // Unknown at the gateway, and in a form that is refused.
  await add(marks.draw('NewPaymentMethod.token'));
  expect((await add(marks.drawForeign('a refused token'))).status).toBe(422);
  const other = await newCustomer({ ...stage, marks: stage.others ?? stage.marks }, [{}]);
  const one = `${path}/${json.payment_method_id}`;
  const readStatus = async () => (await rest('GET', one, { as })).json.status;
  await expect.poll(readStatus, LIMIT).toBe('active');
  const expiry = { expiry_month: 11, expiry_year: 2032, off_session_consent: true };
  expect((await rest('PATCH', one, { as, body: expiry, headers: { 'if-match': '*' } })).status).toBeLessThan(
    203,
  );
  expect((await rest('PUT', `${one}/default`, { as, headers: { 'if-match': '*' } })).status).toBe(200);
  expect((await rest('GET', `${path}/${other.methods[0]}`, { as })).status).toBe(404);
  await rest('GET', `${customerPath(id)}/checkout-options?device_id=${device_id}`, { as });
  await rpc('checkout', 'GetPaymentOptions', { customer_id: id, device_id });
  for (const rpcOfOps of ['GetPaymentMethods', 'GetDevices', 'FindConnectedCustomers', 'GetTimeline'])
    expect((await rpc('ops', rpcOfOps, { customer_id: id })).code).toBe(0);
  await rest('GET', `/internal/v1/customers/${id}/connected`, { as: OPS });
  await rpc('cerebrum', 'GetCustomerContext', { customer_id: id, transaction_id: randomUUID() });
  await rpc('cerebrum', 'BatchGetCustomerContext', {
    customer_ids: [id, other.id],
    transaction_id: randomUUID(),
  });
  const inactive = { customer_id: id, payment_method_id: json.payment_method_id };
  const reason = marks.draw('MarkPaymentMethodInactiveRequest.reason');
  expect((await rpc('synapse', 'MarkPaymentMethodInactive', { ...inactive, reason }, key())).code).toBe(0);
  expect((await rest('DELETE', one, { as, headers: { 'if-match': '*' } })).status).toBe(204);
  const noted = { as, body: { text: marks.draw('NewNote.text') }, headers: key() };
  expect((await rest('POST', `${customerPath(id)}/timeline/1/notes`, noted)).status).toBe(201);
  await rest('GET', `${customerPath(id)}/timeline`, { as });
  const contested = { as, body: { reason: marks.draw('NewContest.reason') }, headers: key() };
  expect((await rest('POST', `${customerPath(id)}/timeline/1/contest`, contested)).status).toBe(202);
  await rest('GET', `${customerPath(id)}/contests`, { as });
  await rest('GET', `${customerPath(id)}/timeline/1`, { as });
  expect((await rest('GET', `${customerPath(id)}/export`, { as })).json).toMatchObject({ customer_id: id });
  expect((await rpc('privacy', 'ExportCustomer', { customer_id: id })).code).toBe(0);
  await rpc('ops', 'GetTimeline', { customer_id: id });
}
