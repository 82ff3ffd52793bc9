import { pino } from 'pino';
import { Stripe } from 'stripe';
import { expect, test } from 'vitest';
import { toApplicationFailure } from '../../temporal/failures.ts';
import { answerOfError } from './charge.ts';
import { gatewayFault } from './client.ts';

const TOKEN = 'pm_1QxTokenOfAda';
const order = {
  ...{ key: 'k', customer_id: 'c', payment_id: 'p', token: TOKEN, gateway_customer_ref: 'cus_9AdasRecord1' },
  ...{ payment_method_type: 'card', amount: 1250, currency: 'EUR' },
};
const errorWith = (message: string, statusCode = 400) =>
  new Stripe.errors.StripeInvalidRequestError({ type: 'invalid_request_error', message, statusCode });

test.each([
  [`No such PaymentMethod: '${TOKEN}'`, "No such PaymentMethod: '…'"],
  ["No such payment_intent: 'pi_3QxAda1'", 'No such payment_intent: pi_3QxAda1'],
  ['The customer cus_9AdasRecord1 has no method card.', 'The customer … has no method card.'],
  ['Invalid API Key provided: sk_test_4eC39HqL', 'Invalid API Key provided: …'],
  ['Keys can only be used once (`recovery:inv-1:card`).', "Keys can only be used once ('…')."],
  ['Invalid email address: ada@shop.example', 'Invalid email address: …'],
  ['Received unknown parameter: off_session', 'Received unknown parameter: off_session'],
])('%s is passed on without what it repeats', (message, passedOn) => {
  const refused = gatewayFault(errorWith(message), { apiKey: 'k' });
  expect(refused).toMatchObject({
    type: 'gateway_misconfigured',
    message: expect.stringMatching(/with 400: /),
  });
  expect(refused.message.endsWith(passedOn)).toBe(true);
  expect(gatewayFault(errorWith(message, 500), { apiKey: 'k' }).message).toContain(`(500 ${passedOn})`);
  const answer = answerOfError(errorWith(message), order as Parameters<typeof answerOfError>[1]);
  expect(answer).toMatchObject({ result: 'declined', codes: { reason: expect.stringContaining(passedOn) } });
});

test.each([400, 500])('a log line about a %i does not contain what it repeats', (statusCode) => {
  const fault = gatewayFault(errorWith(`No such PaymentMethod: '${TOKEN}'`, statusCode), { apiKey: 'k' });
  const lines: string[] = [];
  pino({}, { write: (line) => lines.push(line) }).error({ err: toApplicationFailure(fault) }, 'failed');
  expect(lines).toEqual([expect.stringContaining('No such PaymentMethod')]);
  expect(lines[0]).not.toContain(TOKEN);
});
