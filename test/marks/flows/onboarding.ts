/** Onboardings: complete, over both interfaces, recognised, contradictory, refused. */

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { CHECKOUT, LIMIT, newCard, now, OPS, type Stage, statusesOf } from './stage.ts';

/** Everything that an onboarding can hold, drawn anew. @returns the ids, and what recognises the customer */
export async function onboardCompletely(stage: Stage) {
  const { marks, rest } = stage;
  const at = (field: string) => marks.draw(`OnboardingRequest.${field}`);
  const email = at('digital_identifiers.value');
  const body = {
    ...{ transaction_id: `complete-${randomUUID()}`, occurred_at: now() },
    gateway_customer_ref: at('gateway_customer_ref'),
    customer_metadata: { segment: 'subscriber', locale: 'de-AT', ltv: '12.50' },
    payment_method_details: {
      ...{ type: 'card', brand: 'visa', network: 'visa', last_four: '4242', consent_source: 'checkout' },
      ...{ expiry_month: 12, expiry_year: 2031, off_session_consent: true },
      token: await newCard(stage, 'OnboardingRequest.payment_method_details.token'),
      instrument_fingerprint: at('payment_method_details.instrument_fingerprint'),
    },
    device_details: {
      fingerprint: at('device_details.fingerprint'),
      ip: at('device_details.ip'),
      user_agent: at('device_details.user_agent'),
      trust_score: 0.9,
    },
    address_details: { ...addressAt(stage, 'OnboardingRequest.address_details'), is_verified: true },
    digital_identifiers: [
      { type: 'email', value: email, is_verified: true },
      { email: at('digital_identifiers.email') },
      { phone: at('digital_identifiers.phone') },
    ],
    behavioral_data_snapshot: JSON.stringify({ typing: at('behavioral_data_snapshot') }),
  };
  const first = await rest('POST', '/api/v1/customers', { as: CHECKOUT, body });
  expect(first, JSON.stringify(first.json)).toMatchObject({ status: 201 });
  // Repeated, and with another body.
  await rest('POST', '/api/v1/customers', { as: CHECKOUT, body });
  const other = {
    ...body,
    email: at('email'),
    behavioral_data_snapshot: { typing: at('behavioral_data_snapshot') },
  };
  const reused = await rest('POST', '/api/v1/customers', { as: CHECKOUT, body: other });
  expect(reused.json.type).toBe('urn:persona:error:idempotency_key_reused');
  const { customer_id: id, device_id } = first.json as { customer_id: string; device_id: string };
  return { ...{ id, device_id, email }, transaction_id: body.transaction_id, body };
}
export type CompleteCustomer = Awaited<ReturnType<typeof onboardCompletely>>;

/** An address, drawn for the fields of this message. */
export function addressAt({ marks }: Pick<Stage, 'marks'>, message: string) {
  const field = (name: string) => marks.draw(`${message}.${name}`);
  return {
    ...{ street1: field('street1'), street2: field('street2'), city: field('city') },
    ...{ state: field('state'), zip_code: field('zip_code'), country: 'AT', type: 'shipping' },
  };
}

/** Over gRPC, as a new customer. */
export async function onboardOverGrpc(stage: Stage): Promise<{ id: string }> {
  const { marks, rpc } = stage;
  const { json, code } = await rpc('checkout', 'CreateCustomer', {
    ...{ transaction_id: `grpc-${randomUUID()}`, occurred_at: now() },
    gateway_customer_ref: marks.draw('CreateCustomerRequest.gateway_customer_ref'),
    email: marks.draw('CreateCustomerRequest.email'),
    phone: marks.draw('CreateCustomerRequest.phone'),
    behavioral_data_snapshot: marks.draw('CreateCustomerRequest.behavioral_data_snapshot'),
    digital_identifiers: [
      { type: 'phone_number', value: marks.draw('DigitalIdentifierDetails.value', 'phone_number') },
    ],
    payment_method_details: {
      ...{ type: 'card', token: await newCard(stage, 'PaymentMethodDetails.token') },
      instrument_fingerprint: marks.draw('PaymentMethodDetails.instrument_fingerprint'),
    },
    device_details: {
      fingerprint: marks.draw('DeviceDetails.fingerprint'),
      ip: marks.draw('DeviceDetails.ip'),
      user_agent: marks.draw('DeviceDetails.user_agent'),
    },
    address_details: addressAt(stage, 'AddressDetails'),
  });
  expect(code).toBe(0);
  return { id: json.customer_id };
}

/** By the known customer's address with another phone number, with its token, and with one that the gateway does not know. */
export async function onboardKnown(stage: Stage, known: CompleteCustomer): Promise<void> {
  const { marks, rest } = stage;
  const onboard = (changes: object) =>
    rest('POST', '/api/v1/customers', {
      as: CHECKOUT,
      body: { transaction_id: randomUUID(), occurred_at: now(), ...changes },
    });
  const recognised = await onboard({
    email: marks.again('OnboardingRequest.email', known.email),
    phone: marks.draw('OnboardingRequest.phone'),
  });
  expect(recognised.json).toMatchObject({ customer_id: known.id, match: { rule: 'email' } });
  const { token } = known.body.payment_method_details;
  const foreignToken = await onboard({
    email: marks.draw('OnboardingRequest.email'),
    payment_method_details: { type: 'card', token },
  });
  expect(foreignToken.json.warnings).toContain('token_belongs_to_other_customer');
  const unknown = await onboard({
    email: marks.draw('OnboardingRequest.email'),
    payment_method_details: {
      ...{ type: 'card', token: marks.draw('OnboardingRequest.payment_method_details.token') },
    },
  });
  await expect.poll(() => statusesOf(stage, unknown.json.customer_id), LIMIT).toEqual(['failed']);
}

/** Requests that are refused, with personal data in every field. */
export async function onboardWrongly(stage: Stage): Promise<void> {
  const { marks, rest, rpc } = stage;
  const wrong = () => marks.drawForeign('a value of a refused field');
  const refuse = async (body: unknown) => {
    const { status, json } = await rest('POST', '/api/v1/customers', { as: CHECKOUT, body });
    expect(status, JSON.stringify(json)).toBeGreaterThanOrEqual(400);
  };
  const everyFieldWrong = () => ({
    ...{ transaction_id: `${wrong()}\u0007`, customer_id: wrong(), occurred_at: wrong(), phone: wrong() },
    ...{ email: `${wrong()}@`, gateway_customer_ref: wrong() },
    customer_metadata: { segment: wrong(), locale: wrong(), ltv: wrong() },
    payment_method_details: {
      ...{ type: wrong(), token: wrong(), last_four: wrong(), instrument_fingerprint: wrong() },
      ...{ network: `${wrong()}\u0007`, expiry_month: wrong() },
    },
    device_details: { fingerprint: `${wrong()}\u0007`, ip: wrong(), user_agent: `${wrong()}\u0007` },
    address_details: {
      ...{ street1: `${wrong()}\u0007`, city: 'x'.repeat(201) + wrong(), zip_code: 'x'.repeat(65) + wrong() },
      ...{ country: wrong(), type: wrong() },
    },
    digital_identifiers: [{ type: wrong(), value: wrong() }, { email: wrong() }, wrong()],
  });
  await refuse(everyFieldWrong());
  await refuse({
    ...everyFieldWrong(),
    payment_method_details: { type: 'card', token: marks.drawCardNumber() },
  });
  await refuse({
    transaction_id: randomUUID(),
    occurred_at: now(),
    comment: `${marks.drawCardNumber()} ${wrong()}`,
  });
  await refuse(`{"transaction_id": "${randomUUID()}", "email": "${wrong()}@marks.shop.example", `);
  await refuse(`"${wrong()}"`);
  await refuse({ email: `${wrong()} ${'x'.repeat(70_000)}` });
  await refuse(`${'['.repeat(40)}"${wrong()}"${']'.repeat(40)}`);
  const metadata = { 'x-request-id': wrong() };
  await rpc('checkout', 'CreateCustomer', {
    ...{ transaction_id: randomUUID(), email: wrong(), phone: wrong() },
    payment_method_details: { type: wrong(), token: marks.drawCardNumber() },
  });
  await rpc('checkout', 'CreateCustomer', { transaction_id: randomUUID(), email: wrong() }, metadata);
  // What is not known is ignored.
  const ignored = {
    ...{ transaction_id: randomUUID(), occurred_at: now(), full_name: wrong(), notes: [wrong()] },
    // Kept, because without a method nothing is compared with the gateway.
    gateway_customer_ref: marks.draw('OnboardingRequest.gateway_customer_ref'),
  };
  expect((await rest('POST', '/api/v1/customers', { as: CHECKOUT, body: ignored })).status).toBe(201);
  expect((await rpc('ops', 'FindCustomerByDigitalId', { type: 'email', value: wrong() })).code).not.toBe(0);
  await rest('GET', `/internal/v1/customers/by-usage?brand=${encodeURIComponent(wrong())}&since=${wrong()}`, {
    as: OPS,
  });
}
