/** The story of a customer who is suspended during a recovery and reinstated by an operator. */

import type { Agents } from './agents.ts';
import type { Check } from './check.ts';
import type { Reports } from './reports.ts';
import type { StateInspector } from './state-inspector.ts';
import { onboard, until, waitForNotice } from './play.ts';
import type { Card, Story } from './stories.ts';
import type { StoryResult } from './format-story.ts';

const DEVICE = 'ines-laptop';
const AMOUNT = 3_900;

const INES: Pick<Story, 'id' | 'customer'> = {
  id: 'suspended',
  customer: {
    name: 'Ines Moreau',
    trust: [],
    onboardings: [
      {
        days_ago: 120,
        card: {
          ...{ name: 'only card', token: 'pm_ines_card', brand: 'visa', last4: '3155' },
          ...{ exp_month: 8, exp_year: 2031 },
        },
        request: {
          payment_method_details: { type: 'card', off_session_consent: true, consent_source: 'checkout' },
          device_details: { fingerprint: DEVICE },
          digital_identifiers: [{ type: 'email', value: 'ines@example.org', is_verified: true }],
        },
      },
    ],
  },
};

/** @param run as in `play` */
export async function playFraud(
  run: string,
  { agents, reports, inspector }: { agents: Agents; reports: Reports; inspector: StateInspector },
): Promise<StoryResult> {
  const { id, customer } = INES;
  const lines: string[] = [];
  let failedMethodId = '';
  const { customerId, devices } = await onboard(INES, run, agents, inspector, (_, method) => {
    failedMethodId = method;
  });
  lines.push(`${customer.name} is onboarded with one card`);

  const paymentId = `${id}-${run}`;
  const startedAt = Date.now();
  await reports.paymentFailed({
    ...{ event_id: `synapse-${paymentId}`, payment_id: paymentId, customer_id: customerId },
    ...{ payment_method_id: failedMethodId, amount: AMOUNT, currency: 'EUR', kind: 'recurring' },
    ...{ occurred_at: new Date().toISOString(), decline_code: 'insufficient_funds' },
  });
  await waitForNotice(inspector, customerId, 'no_alternative');
  lines.push(
    'her subscription is declined for insufficient funds and she has no other card: the recovery waits',
  );

  const caseId = `case-${run}`;
  await reports.fraudOutcome({
    ...{ event_id: `chimera-${run}`, case_id: caseId, outcome: 'confirmed_fraud', customer_id: customerId },
    ...{ device_id: devices.get(DEVICE), reason: 'account takeover', occurred_at: new Date().toISOString() },
  });
  await waitForNotice(inspector, customerId, 'account_suspended');
  const { status: statusAfterReport } = await agents.getContext(customerId);
  lines.push(
    `Chimera reports confirmed fraud ${reports.means.fraudOutcome}: the account is ${statusAfterReport}, and she is notified at her verified address`,
  );

  const newCard: Card = {
    ...{ name: 'new card', token: `pm_ines_new_${run}`, brand: 'mastercard', last4: '6060' },
    ...{ exp_month: 2, exp_year: 2032 },
  };
  await inspector.issueCard(newCard);
  const addCardResult = await agents.addCard(customerId, newCard).then(
    () => 'accepted',
    (error: Error) => /customer_suspended/.exec(error.message)?.[0] ?? error.message,
  );
  const chargesWhileSuspended = await inspector.ledger(paymentId);
  lines.push(`adding a card is now refused (${addCardResult})`);

  const { workflowId } = await agents.reinstate(caseId, 'she called, and was identified');
  await until('the reinstatement', async () => (await agents.getContext(customerId)).status === 'active');
  lines.push('an operator speaks with her and reinstates her');
  await agents.addCard(customerId, newCard);
  const recovery = await until(`the end of the recovery of ${paymentId}`, async () => {
    const found = await agents.getRecovery(paymentId);
    return found?.state === 'done' ? found : undefined;
  });
  await waitForNotice(inspector, customerId, 'recovered');
  const tookMs = Date.now() - startedAt;
  lines.push('she adds her new card, and the recovery charges it immediately');

  const [state, ledger, messages] = await Promise.all([
    inspector.obligation(paymentId),
    inspector.ledger(paymentId),
    inspector.inbox(customerId),
  ]);
  const captured = ledger.filter((row) => row.status === 'succeeded');
  const checks: Check[] = [
    { label: 'account status after confirmed fraud', expected: 'suspended', actual: statusAfterReport },
    { label: 'adding a card while suspended', expected: 'customer_suspended', actual: addCardResult },
    { label: 'charges while suspended', expected: '0', actual: String(chargesWhileSuspended.length) },
    { label: 'outcome', expected: 'recovered', actual: recovery.outcome ?? recovery.state },
    { label: 'obligation in the graph', expected: 'recovered', actual: state ?? 'none' },
    {
      label: 'captured in the gateway’s ledger',
      expected: `${newCard.token}: ${AMOUNT}`,
      actual: captured.map((row) => `${row.payment_method}: ${row.amount}`).join(', ') || 'nothing',
    },
    {
      label: 'notices',
      expected: 'no_alternative, account_suspended, recovered',
      actual: messages.map(({ template }) => template).join(', '),
    },
  ];
  const story = {
    id,
    title: 'Confirmed fraud suspends a recovery until an operator reinstates the customer',
  };
  return { story, lines, tookMs, workflowId, checks, messages };
}
