/** The story of a customer who contests a device that was never hers, takes her data away, and is erased. */

import type { ServiceError } from '@grpc/grpc-js';
import { fetchAs } from '../../platform/run-access.ts';
import type { PersonaSystem } from '../persona.ts';
import type { Agents } from './agents.ts';
import type { Check } from './check.ts';
import type { StoryResult } from './format-story.ts';
import { onboard, until, waitForNotice } from './play.ts';
import type { Reports } from './reports.ts';
import { runCli } from './run-cli.ts';
import type { StateInspector } from './state-inspector.ts';
import type { Story } from './stories.ts';

const AMOUNT = 2_450;
const [OWN, STRANGE] = ['lena-phone', 'unknown-laptop'];
const REASON = 'I have never had a laptop.';
const EMAIL = 'lena@example.org';

const card = (name: string, last4: string) => ({
  ...{ name, token: `pm_lena_${last4}`, brand: 'visa', last4, exp_month: 4, exp_year: 2032 },
});
const details = { type: 'card', off_session_consent: true, consent_source: 'checkout' };
const LENA: Pick<Story, 'id' | 'customer'> = {
  id: 'rights',
  customer: {
    name: 'Lena Vogt',
    trust: [],
    onboardings: [
      {
        ...{ days_ago: 90, card: card('old card', '4141') },
        request: {
          payment_method_details: details,
          device_details: { fingerprint: OWN },
          digital_identifiers: [{ type: 'email', value: EMAIL, is_verified: true }],
        },
      },
      {
        ...{ days_ago: 3, card: card('new card', '8282') },
        request: { payment_method_details: details, device_details: { fingerprint: STRANGE } },
      },
    ],
  },
};

/** @param run as in `playStory` */
export async function playRights(
  run: string,
  { agents, reports, inspector }: { agents: Agents; reports: Reports; inspector: StateInspector },
  { addresses, env, runFile }: Pick<PersonaSystem, 'addresses' | 'env' | 'runFile'>,
): Promise<StoryResult> {
  const { id, customer } = LENA;
  const lines: string[] = [];
  const cards = new Map<string, string>();
  const { customerId, devices } = await onboard(LENA, run, agents, inspector, ({ name }, method) => {
    cards.set(name, method);
  });
  for (const device of devices.values()) await agents.updateTrust(device, 0.9);
  const trusted = async () => (await agents.getContext(customerId)).trusted_devices.length;
  const trustedBefore = await trusted();
  lines.push(`${customer.name} is onboarded with two cards, and has ${trustedBefore} trusted devices`);
  const url = `${addresses.http}/api/v1/customers/${customerId}`;
  const asLena = async (path: string, init: Parameters<typeof fetchAs>[3] = {}) => {
    const headers = { 'content-type': 'application/json', ...init.headers };
    const target = { customer_id: customerId };
    const response = await fetchAs(addresses.auth, target, `${url}${path}`, { ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path || 'DELETE'} returned ${response.status}: ${text}`);
    return text;
  };

  const paymentId = `${id}-${run}`;
  const startedAt = Date.now();
  await reports.paymentFailed({
    ...{ event_id: `synapse-${paymentId}`, payment_id: paymentId, customer_id: customerId },
    ...{ payment_method_id: cards.get('old card') ?? '', amount: AMOUNT, currency: 'EUR', kind: 'recurring' },
    ...{ occurred_at: new Date().toISOString(), decline_code: 'insufficient_funds' },
  });
  await until(
    `the end of the recovery of ${paymentId}`,
    async () => (await agents.getRecovery(paymentId))?.state === 'done',
  );
  lines.push('her subscription is declined on the old card and charged to the new one');

  const { items } = JSON.parse(await asLena('/timeline?limit=100')) as {
    items: { seq: number; type: string }[];
  };
  // The newest first.
  const seq = items.find(({ type }) => type === 'DeviceLinked')?.seq;
  const body = JSON.stringify({ reason: REASON });
  const headers = { 'idempotency-key': `demo-contest-${run}` };
  const contested = await asLena(`/timeline/${seq}/contest`, { method: 'POST', headers, body });
  const { contest_id } = JSON.parse(contested) as { contest_id: string };
  const trustedMeanwhile = await until(
    'the effect of the contest',
    async () => (await trusted()) < trustedBefore,
  ).then(trusted);
  lines.push(`she contests a device that was never hers: it counts as unproven at once`);
  const decision = ['contests', 'decide', contest_id, 'upheld', '--explanation', 'The device is not yours.'];
  await runCli({ env, runFile }, decision);
  await waitForNotice(inspector, customerId, 'contest_decided');
  lines.push('an operator upholds it (persona contests decide): the device is unlinked, and she is notified');
  const trustedAfter = await trusted();

  const exported = await asLena('/export');
  JSON.parse(exported);
  lines.push(`she takes her data away: one JSON document of ${Math.ceil(exported.length / 1_024)} KiB`);

  const bookedBefore = await inspector.ledger(paymentId);
  const { erasure_id } = JSON.parse(await asLena('', { method: 'DELETE' })) as { erasure_id: string };
  await until('the end of the erasure', async () => {
    const response = await fetchAs(
      addresses.auth,
      { customer_id: customerId },
      `${addresses.http}/api/v1/erasures/${erasure_id}`,
    );
    return ((await response.json()) as { state: string }).state === 'done';
  });
  const context = await agents.getContext(customerId).then(
    () => 'known',
    ({ details }: ServiceError) => (details.startsWith('there is no customer') ? 'unknown' : details),
  );
  lines.push(
    'she asks for her erasure (DELETE): she is notified, and forgotten by Persona, the gateway and Chimera',
  );
  const [messages, booked, explained] = await Promise.all([
    inspector.inbox(customerId),
    inspector.ledger(paymentId),
    inspector.explained(paymentId),
  ]);
  const [captured] = booked.filter((row) => row.status === 'succeeded');
  lines.push(
    `her bank statement's ${AMOUNT} EUR cents stay explained: payment ${paymentId} is ${captured?.charge} at the gateway`,
  );
  const templates = messages.map(({ template }) => template);
  const has = (text: string) => (exported.includes(text) ? 'yes' : 'no');
  const checks: Check[] = [
    { label: 'trusted devices', expected: '2', actual: String(trustedBefore) },
    { label: 'while the contest is open', expected: '1', actual: String(trustedMeanwhile) },
    { label: 'after it was upheld', expected: '1', actual: String(trustedAfter) },
    { label: 'the export has her e-mail address', expected: 'yes', actual: has(`lena+${run}@example.org`) },
    { label: 'the export has her words about the device', expected: 'yes', actual: has(REASON) },
    { label: 'the export has a token of a card', expected: 'no', actual: has('pm_lena') },
    { label: 'her context after the erasure', expected: 'unknown', actual: context },
    {
      label: 'notices about her rights',
      expected: 'contest_decided, data_erased',
      actual: templates.filter((one) => ['contest_decided', 'data_erased'].includes(one)).join(', '),
    },
    {
      label: 'the gateway’s ledger before and after',
      expected: JSON.stringify(bookedBefore),
      actual: JSON.stringify(booked),
    },
    {
      label: 'what explains the bank statement',
      expected: `${captured?.charge}: ${AMOUNT} EUR`,
      actual: explained
        .map(({ gateway_ref, amount, currency }) => `${gateway_ref}: ${amount} ${currency}`)
        .join(', '),
    },
  ];
  const story = { id, title: 'A customer contests a device, takes her data away, and is erased' };
  return {
    story,
    lines,
    tookMs: Date.now() - startedAt,
    workflowId: `erasure:${erasure_id}`,
    checks,
    messages,
  };
}
