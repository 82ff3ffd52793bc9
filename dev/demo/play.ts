/** Plays one story from outside and checks what came of it. */

import { setTimeout } from 'node:timers/promises';
import type { GetRecoveryResponse } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { Agents } from './agents.ts';
import type { Evidence, LedgerRow, Message, WalletRow } from './evidence.ts';
import type { Card, Story } from './stories.ts';

export interface Check {
  what: string;
  expected: string;
  found: string;
}

export interface Played {
  story: Story;
  customerId: string;
  paymentId: string;
  workflowId: string;
  recovery: GetRecoveryResponse;
  /** What people said and did, a line each. */
  lines: string[];
  /** From the signal to the end, milliseconds. */
  tookMs: number;
  messages: Message[];
  checks: Check[];
}

const DAY = 86_400_000;
/** A step of a recovery takes well under a second; a minute is a stuck one. */
const LIMIT_MS = 60_000;

/** @param run makes every id of this run its own, so that a graph that has seen the demo before does not matter */
export async function play(story: Story, run: string, agents: Agents, evidence: Evidence): Promise<Played> {
  const lines: string[] = [];
  const methods = new Map<string, string>();
  const names = new Map<string, string>();
  const know = (card: Card, id: string) => {
    methods.set(card.name, id);
    names.set(id, card.name);
  };

  const { customerId, devices } = await onboard(story, run, agents, evidence, know);
  const cards = story.customer.onboardings.map(({ card }) => card.name);
  lines.push(`${story.customer.name} is onboarded with ${cards.length} card(s): ${cards.join(', ')}`);

  for (const { fingerprint, score } of story.customer.trust) {
    await agents.updateTrust(required(devices, fingerprint), score);
    lines.push(`Chimera sets the trust of ${fingerprint} to ${score}`);
  }
  const context = await agents.getContext(customerId);
  const trusted = context.trusted_devices.length;
  lines.push(
    `Cerebrum asks for the context: ${context.payment_method_count} methods, ${trusted} trusted device(s)`,
  );

  const paymentId = `${story.id}-${run}`;
  const { failure, expect } = story;
  const began = Date.now();
  const { workflowId } = await agents.signalPaymentFailed({
    event_id: `synapse-${paymentId}`,
    payment_id: paymentId,
    customer_id: customerId,
    payment_method_id: required(methods, failure.card),
    amount: failure.amount,
    currency: failure.currency,
    kind: 'recurring',
    occurred_at: new Date().toISOString(),
    description: failure.description,
    decline_code: failure.decline_code,
    network_code: failure.network_code,
  } as { payment_id: string });
  lines.push(
    `Synapse signals: '${failure.description}' failed on the ${failure.card} (${failure.decline_code})`,
  );

  if (story.then_adds) {
    const told = expect.notices[0] as string;
    await until(`the notice ${told}`, async () => (await evidence.inbox(customerId)).some(isOf(told)));
    lines.push(
      `${story.customer.name} is told that no card is left to charge, and adds a ${story.then_adds.name}`,
    );
    const card = uniquely(story.then_adds, run);
    await evidence.issueCard(card);
    know(card, (await agents.addCard(customerId, card)).payment_method_id);
  }

  const recovery = await until(`the end of the recovery of ${paymentId}`, async () => {
    const found = await agents.getRecovery(paymentId);
    return found?.state === 'done' ? found : undefined;
  });
  const tookMs = Date.now() - began;
  const last = expect.notices.at(-1) as string;
  await until(`the notice ${last}`, async () => (await evidence.inbox(customerId)).some(isOf(last)));

  const [wallet, state, ledger, messages] = await Promise.all([
    evidence.wallet(customerId),
    evidence.obligation(paymentId),
    evidence.ledger(paymentId),
    evidence.inbox(customerId),
  ]);
  const charged = recovery.attempts.map(
    (attempt) => `the ${names.get(attempt.payment_method_id)} is charged: ${attempt.state} (${attempt.key})`,
  );
  lines.push(...charged);
  lines.push(`${recovery.outcome}, by rule '${recovery.rule}': ${expect.why}`);
  const tokens = new Map([...methods].map(([name]) => [tokenOf(story, name, run), name]));
  const checks = check(story, { recovery, wallet, state, ledger, messages, methods, tokens });
  return { story, customerId, paymentId, workflowId, recovery, lines, tookMs, messages, checks };
}

async function onboard(
  story: Story,
  run: string,
  agents: Agents,
  evidence: Evidence,
  know: (card: Card, id: string) => void,
) {
  let customerId: string | undefined;
  const devices = new Map<string, string>();
  for (const [index, { days_ago, card: named, request }] of story.customer.onboardings.entries()) {
    const card = uniquely(named, run);
    await evidence.issueCard(card);
    const { fingerprint } = request.device_details;
    const onboarded = await agents.onboard({
      ...request,
      transaction_id: `${story.id}-${index + 1}-${run}`,
      ...(customerId ? { customer_id: customerId } : {}),
      payment_method_details: { ...(request.payment_method_details as object), token: card.token },
      device_details: { ...request.device_details, fingerprint: `${fingerprint}-${run}` },
      ...(request.digital_identifiers
        ? { digital_identifiers: identifiersOf(request.digital_identifiers, run) }
        : {}),
      occurred_at: new Date(Date.now() - days_ago * DAY).toISOString(),
    });
    customerId = onboarded.customer_id;
    devices.set(fingerprint, onboarded.device_id);
    know(card, onboarded.payment_method_id);
    const id = onboarded.payment_method_id;
    await until(`the gateway's word on the ${card.name}`, async () =>
      (await evidence.wallet(onboarded.customer_id)).some(
        (row) => row.payment_method_id === id && row.status === 'active',
      ),
    );
  }
  if (customerId === undefined) throw new Error(`${story.id} has nobody to onboard`);
  return { customerId, devices };
}

function uniquely(card: Card, run: string): Card {
  return { ...card, token: `${card.token}_${run}` };
}

function identifiersOf(identifiers: unknown, run: string): unknown {
  return (identifiers as { type: string; value: string }[]).map((identifier) =>
    identifier.type === 'email'
      ? { ...identifier, value: identifier.value.replace('@', `+${run}@`) }
      : identifier,
  );
}

function tokenOf(story: Story, name: string, run: string): string {
  const cards = [
    ...story.customer.onboardings.map(({ card }) => card),
    ...(story.then_adds ? [story.then_adds] : []),
  ];
  return uniquely(cards.find((card) => card.name === name) as Card, run).token;
}

function check(
  { failure, expect }: Story,
  found: {
    recovery: GetRecoveryResponse;
    wallet: WalletRow[];
    state: string | undefined;
    ledger: LedgerRow[];
    messages: Message[];
    methods: Map<string, string>;
    tokens: Map<string, string>;
  },
): Check[] {
  const { recovery, wallet, state, ledger, messages, methods, tokens } = found;
  const rowOf = (name: string) => wallet.find((row) => row.payment_method_id === methods.get(name));
  const captured = ledger.filter((row) => row.status === 'succeeded');
  const failed = rowOf(failure.card);
  const standard = wallet.find((row) => row.is_default)?.payment_method_id;
  const checks: Check[] = [
    { what: 'outcome', expected: expect.outcome, found: recovery.outcome ?? recovery.state },
    { what: 'decline class', expected: expect.class, found: recovery.class },
    { what: 'obligation in the graph', expected: expect.outcome, found: state ?? 'none' },
    {
      what: 'captured in the gateway’s ledger',
      expected: expect.charged ? `${expect.charged}: ${failure.amount} ${failure.currency}` : 'nothing',
      found:
        captured
          .map((row) => `${tokens.get(row.payment_method)}: ${row.amount} ${row.currency.toUpperCase()}`)
          .join(', ') || 'nothing',
    },
    {
      what: 'default afterwards',
      expected: expect.default,
      found: [...methods].find(([, id]) => id === standard)?.[0] ?? 'none',
    },
    {
      what: 'notices',
      expected: expect.notices.join(', '),
      found: messages.map(({ template }) => template).join(', '),
    },
    {
      what: 'no notice gives the reason away',
      expected: 'no such word',
      found:
        messages
          .map(
            ({ subject, text }) =>
              /stolen|lost|fraud|reported|insufficient|velocity/i.exec(`${subject} ${text}`)?.[0],
          )
          .find(Boolean) ?? 'no such word',
    },
  ];
  if (expect.status_of_failed) {
    checks.push({
      what: `status of the ${failure.card}`,
      expected: expect.status_of_failed,
      found: failed?.status ?? 'none',
    });
  }
  if (expect.consent_of_failed !== undefined) {
    checks.push({
      what: `consent on the ${failure.card}`,
      expected: String(expect.consent_of_failed),
      found: String(failed?.off_session_consent),
    });
  }
  return checks;
}

const isOf = (template: string) => (message: Message) => message.template === template;

function required<K, V>(map: Map<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`the story speaks of '${String(key)}', which it never brought in`);
  return value;
}

/** Asks again until there is an answer. @throws Error naming what did not come */
async function until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const limit = Date.now() + LIMIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > limit) throw new Error(`${what} did not come within ${LIMIT_MS / 1000} s`);
    await setTimeout(50);
  }
}
