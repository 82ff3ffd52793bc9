/** The story of two expiring cards: one is renewed at the gateway without an event, for the other one notice is sent. */

import { today } from '../../domain/expiry/calendar.ts';
import type { Agents } from './agents.ts';
import type { Check } from './check.ts';
import type { StateInspector } from './state-inspector.ts';
import { onboard, until } from './play.ts';
import type { Card, Story } from './stories.ts';
import type { StoryResult } from './format-story.ts';

const NEW_CARD_VALIDITY_YEARS = 4;

/** A customer whose only card expires at the end of the current month. */
function cardholder(
  id: string,
  name: string,
  card: Pick<Card, 'brand' | 'last4'>,
): Pick<Story, 'id' | 'customer'> {
  const [year, month] = today(Date.now()).split('-').map(Number) as [number, number];
  const [first = ''] = name.toLowerCase().split(' ');
  const fingerprint = `${first}-phone`;
  return {
    id,
    customer: {
      name,
      trust: [],
      onboardings: [
        {
          days_ago: 200,
          card: { name: 'only card', token: `pm_${first}_card`, exp_month: month, exp_year: year, ...card },
          request: {
            payment_method_details: { type: 'card', off_session_consent: true, consent_source: 'checkout' },
            device_details: { fingerprint },
            digital_identifiers: [{ type: 'email', value: `${first}@example.org`, is_verified: true }],
          },
        },
      ],
    },
  };
}

/** @param run as in `play` */
export async function playExpiry(
  run: string,
  { agents, inspector }: { agents: Agents; inspector: StateInspector },
): Promise<StoryResult> {
  const renewed = cardholder('renewed', 'Gita Rao', { brand: 'visa', last4: '2209' });
  const expiring = cardholder('expiring', 'Hugo Weiss', { brand: 'mastercard', last4: '8210' });
  const lines: string[] = [];
  const cards = new Map<string, Card>();
  const customers = new Map<string, string>();
  for (const { id, customer } of [renewed, expiring]) {
    const onboarded = await onboard(
      { id, customer },
      run,
      agents,
      inspector,
      (card) => void cards.set(id, card),
    );
    customers.set(id, onboarded.customerId);
    lines.push(`${customer.name} has one card, which is valid until the end of this month`);
  }
  const [gita, hugo] = [renewed, expiring].map(({ id }) => customers.get(id) as string) as [string, string];
  const [oldCard, unchangedCard] = [renewed, expiring].map(({ id }) => cards.get(id) as Card) as [Card, Card];
  const renewedCard = { ...oldCard, exp_year: oldCard.exp_year + NEW_CARD_VALIDITY_YEARS, last4: '2217' };
  await inspector.renewCard(renewedCard);
  lines.push(
    `Gita's bank issues a new card ending in ${renewedCard.last4}: the gateway's account updater has it, but its event is lost`,
  );

  const startedAt = Date.now();
  const { workflowId } = await agents.runSchedule('card-expiry-monitor');
  await until('the notice card_expiring', async () => (await inspector.inbox(hugo)).length > 0);
  const tookMs = Date.now() - startedAt;
  lines.push('the schedule card-expiry-monitor runs and reads both cards at the gateway');
  await agents.runSchedule('card-expiry-monitor');
  lines.push('it runs once more and sends no further notice');

  const [walletOfGita, walletOfHugo, toGita, toHugo, charges] = await Promise.all([
    inspector.wallet(gita),
    inspector.wallet(hugo),
    inspector.inbox(gita),
    inspector.inbox(hugo),
    inspector.charges([oldCard.token, unchangedCard.token]),
  ]);
  const month = ({ exp_month, exp_year }: Card) => `${exp_year}-${String(exp_month).padStart(2, '0')}`;
  const describeWallet = (rows: typeof walletOfGita) =>
    rows
      .map((row) => `${row.status}${row.is_default ? ', default' : ''}, until ${row.expires_on?.slice(0, 7)}`)
      .join('; ');
  const templates = (messages: typeof toGita) =>
    messages.map(({ template }) => template).join(', ') || 'none';
  const checks: Check[] = [
    {
      label: "Gita's card in the graph",
      expected: `active, default, until ${month(renewedCard)}`,
      actual: describeWallet(walletOfGita),
    },
    { label: 'notices to Gita', expected: 'none', actual: templates(toGita) },
    {
      label: "Hugo's card in the graph",
      expected: `active, default, until ${month(unchangedCard)}`,
      actual: describeWallet(walletOfHugo),
    },
    { label: 'notices to Hugo', expected: 'card_expiring', actual: templates(toHugo) },
    {
      label: 'charges in the gateway’s ledger',
      expected: '0',
      actual: String(charges.length),
    },
  ];
  return {
    story: {
      id: 'expiring',
      title: 'Two cards expire at the end of the month, and one bank has issued a new one',
    },
    ...{ lines, tookMs, workflowId, checks, messages: [...toGita, ...toHugo] },
  };
}
