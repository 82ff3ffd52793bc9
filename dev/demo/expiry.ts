/** The story of two cards whose month ends: one is renewed at the gateway without a word, of the other its customer hears once. */

import { today } from '../../domain/expiry/calendar.ts';
import type { Agents } from './agents.ts';
import type { Check } from './check.ts';
import type { Evidence } from './evidence.ts';
import { onboard, until } from './play.ts';
import type { Card, Story } from './stories.ts';
import type { Told } from './tell.ts';

const YEARS_OF_A_NEW_CARD = 4;

/** Somebody whose only card ends with this month, whenever the demo is played. */
function holder(
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
  { agents, evidence }: { agents: Agents; evidence: Evidence },
): Promise<Told> {
  const renewed = holder('renewed', 'Gita Rao', { brand: 'visa', last4: '2209' });
  const expiring = holder('expiring', 'Hugo Weiss', { brand: 'mastercard', last4: '8210' });
  const lines: string[] = [];
  const cards = new Map<string, Card>();
  const customers = new Map<string, string>();
  for (const { id, customer } of [renewed, expiring]) {
    const known = await onboard({ id, customer }, run, agents, evidence, (card) => void cards.set(id, card));
    customers.set(id, known.customerId);
    lines.push(`${customer.name} has one card, and it is good until the end of this month`);
  }
  const [gita, hugo] = [renewed, expiring].map(({ id }) => customers.get(id) as string) as [string, string];
  const [old, kept] = [renewed, expiring].map(({ id }) => cards.get(id) as Card) as [Card, Card];
  const fresh = { ...old, exp_year: old.exp_year + YEARS_OF_A_NEW_CARD, last4: '2217' };
  await evidence.renewCard(fresh);
  lines.push(
    `Gita's bank gives out a new card, ending in ${fresh.last4}: the gateway's account updater has it, and its event is lost on the way`,
  );

  const began = Date.now();
  const { workflowId } = await agents.runSchedule('card-expiry-monitor');
  await until('the notice card_expiring', async () => (await evidence.inbox(hugo)).length > 0);
  const tookMs = Date.now() - began;
  lines.push('the schedule card-expiry-monitor runs: the gateway is asked about both cards');
  await agents.runSchedule('card-expiry-monitor');
  lines.push('it runs once more, and nobody is written to again');

  const [walletOfGita, walletOfHugo, toGita, toHugo, charges] = await Promise.all([
    evidence.wallet(gita),
    evidence.wallet(hugo),
    evidence.inbox(gita),
    evidence.inbox(hugo),
    evidence.charges([old.token, kept.token]),
  ]);
  const month = ({ exp_month, exp_year }: Card) => `${exp_year}-${String(exp_month).padStart(2, '0')}`;
  const shown = (rows: typeof walletOfGita) =>
    rows
      .map((row) => `${row.status}${row.is_default ? ', default' : ''}, until ${row.expires_on?.slice(0, 7)}`)
      .join('; ');
  const templates = (messages: typeof toGita) =>
    messages.map(({ template }) => template).join(', ') || 'none';
  const checks: Check[] = [
    {
      what: "Gita's card in the graph",
      expected: `active, default, until ${month(fresh)}`,
      found: shown(walletOfGita),
    },
    { what: 'notices to Gita', expected: 'none', found: templates(toGita) },
    {
      what: "Hugo's card in the graph",
      expected: `active, default, until ${month(kept)}`,
      found: shown(walletOfHugo),
    },
    { what: 'notices to Hugo', expected: 'card_expiring', found: templates(toHugo) },
    {
      what: 'charges in the gateway’s ledger',
      expected: '0',
      found: String(charges.length),
    },
  ];
  return {
    story: {
      id: 'expiring',
      title: 'Two cards are good until the end of the month, and one bank has sent a new one',
    },
    ...{ lines, tookMs, workflowId, checks, messages: [...toGita, ...toHugo] },
  };
}
