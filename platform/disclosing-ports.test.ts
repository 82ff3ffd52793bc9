import { expect, test } from 'vitest';
import { publicationDisclosures } from '../domain/disclosures/publications.ts';
import { disclosingChimera, disclosingGateway, disclosingNotifier } from './disclosing-ports.ts';
import { readPolicy } from './policy.ts';

function notes() {
  const noted: string[] = [];
  const disclose = (
    id: string,
    { recipient, categories }: { recipient: string; categories: readonly string[] },
  ) => void noted.push(`${id} ${recipient}: ${categories.join(', ')}`);
  return { noted, disclose };
}

test('a call that gives another system data about a person is noted, also one that fails', async () => {
  const { noted, disclose } = notes();
  const gateway = disclosingGateway(
    {
      createCustomer: async () => ({ gateway_customer_ref: 'cus_1' }),
      charge: async () => Promise.reject(new Error('timeout')),
      getPaymentMethod: async () => undefined,
    } as never,
    disclose,
  );
  expect(await gateway.createCustomer({ customer_id: 'ada', key: 'k' })).toEqual({
    gateway_customer_ref: 'cus_1',
  });
  await expect(gateway.charge({ customer_id: 'ada' } as never, { timeoutMs: 1 })).rejects.toThrow('timeout');
  await gateway.getPaymentMethod('pm_1');
  const notifier = disclosingNotifier({ deduplicates: true, deliver: async () => {} }, disclose);
  expect(notifier.deduplicates).toBe(true);
  await notifier.deliver({ customer_id: 'ben' } as never);
  const chimera = disclosingChimera({ reportSuspectedFraud: async (_: object) => {} }, disclose);
  await chimera.reportSuspectedFraud({ customer_id: 'ben' });
  expect(noted).toEqual([
    'ada payment gateway: profile',
    'ada payment gateway: payment_methods, payments',
    'ben message delivery: profile, identifiers, payment_methods, payments',
    'ben chimera: payment_methods, payments',
  ]);
});

test('a published record is a disclosure to each recipient that reads its topic according to the policy', () => {
  const { noted, disclose } = notes();
  const privacy = {
    recipients: [
      { recipient: 'oracle', purpose: 'analytics', topics: ['persona.log.v1', 'persona.recovery.v1'] },
      { recipient: 'ledger', purpose: 'accounting', topics: ['persona.recovery.v1'] },
    ],
  } as never;
  const onPublished = publicationDisclosures({ ...readPolicy(), privacy }, disclose);
  onPublished('persona.recovery.v1', ['ada', 'ben']);
  onPublished('persona.customer-context.v1', ['ada']);
  expect(noted).toEqual([
    'ada oracle: payments',
    'ben oracle: payments',
    'ada ledger: payments',
    'ben ledger: payments',
  ]);
});
