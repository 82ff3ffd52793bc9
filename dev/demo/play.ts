/** Plays one story from outside and checks its outcome. */

import { setTimeout } from 'node:timers/promises';
import type { GetRecoveryResponse } from '../../proto/gen/persona/v1/persona_agent.ts';
import type { Agents } from './agents.ts';
import type { Reports } from './reports.ts';
import type { StateInspector, Message } from './state-inspector.ts';
import { type Check, check } from './check.ts';
import type { Card, Story } from './stories.ts';

export interface PlayedStory {
  story: Story;
  customerId: string;
  paymentId: string;
  workflowId: string;
  recovery: GetRecoveryResponse;
  /** The events, one line each. */
  lines: string[];
  /** From the report to the end, in milliseconds. */
  tookMs: number;
  messages: Message[];
  checks: Check[];
}

const DAY = 86_400_000;
/** A charge whose worker died times out after 45 s; everything else takes seconds. After two minutes a story is stuck. */
const LIMIT_MS = 120_000;

/** Kills a program during a charge. @returns the events, one line each */
export type CrashProgram = (program: string, token: string) => Promise<string[]>;

/** @param run makes the ids of this run unique, so that the demo may run several times on one graph */
export async function playStory(
  story: Story,
  run: string,
  {
    agents,
    reports,
    inspector,
    crash,
  }: { agents: Agents; reports: Reports; inspector: StateInspector; crash: CrashProgram },
): Promise<PlayedStory> {
  const lines: string[] = [];
  const methods = new Map<string, string>();
  const names = new Map<string, string>();
  const onCard = (card: Card, id: string) => {
    methods.set(card.name, id);
    names.set(id, card.name);
  };

  const { customerId, devices } = await onboard(story, run, agents, inspector, onCard);
  const cards = story.customer.onboardings.map(({ card }) => card.name);
  lines.push(`${story.customer.name} is onboarded with these cards: ${cards.join(', ')}`);

  for (const { fingerprint, score } of story.customer.trust) {
    await agents.updateTrust(required(devices, fingerprint), score);
    lines.push(`Chimera sets the trust of ${fingerprint} to ${score}`);
  }
  const context = await agents.getContext(customerId);
  const trusted = context.trusted_devices.length;
  lines.push(
    `Cerebrum reads the context: payment methods: ${context.payment_method_count}, trusted devices: ${trusted}`,
  );

  const paymentId = `${story.id}-${run}`;
  const { failure, expect } = story;
  const startedAt = Date.now();
  const { workflowId } = await reports.paymentFailed({
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
  });
  lines.push(
    `Synapse reports ${reports.means.paymentFailed}: '${failure.description}' failed on the ${failure.card} (${failure.decline_code})`,
  );

  if (story.kills) {
    const { program, during } = story.kills;
    lines.push(...(await crash(program, tokenOf(story, during, run))));
  }

  if (story.then_adds) {
    const shown = expect.notices[0] as string;
    await waitForNotice(inspector, customerId, shown);
    lines.push(
      `${story.customer.name} is notified that no other card can be charged, and adds a ${story.then_adds.name}`,
    );
    const card = withRunToken(story.then_adds, run);
    await inspector.issueCard(card);
    onCard(card, (await agents.addCard(customerId, card)).payment_method_id);
  }

  const recovery = await until(`the end of the recovery of ${paymentId}`, async () => {
    const found = await agents.getRecovery(paymentId);
    return found?.state === 'done' ? found : undefined;
  });
  const tookMs = Date.now() - startedAt;
  const last = expect.notices.at(-1) as string;
  await waitForNotice(inspector, customerId, last);

  if (story.then_detached) {
    const name = story.then_detached;
    lines.push(...(await detachAndReconcile(name, tokenOf(story, name, run))));
  }

  const [wallet, state, ledger, messages] = await Promise.all([
    inspector.wallet(customerId),
    inspector.obligation(paymentId),
    inspector.ledger(paymentId),
    inspector.inbox(customerId),
  ]);
  const charged = recovery.attempts.map(
    (attempt) => `the ${names.get(attempt.payment_method_id)} is charged: ${attempt.state} (${attempt.key})`,
  );
  const mayBeUnresolved = story.customer.onboardings.some(({ card }) => card.script);
  if (mayBeUnresolved) lines.push(...(await timelineOfCharges(paymentId, agents, customerId)));
  lines.push(...charged);
  lines.push(`${recovery.outcome}, by rule '${recovery.rule}': ${expect.why}`);
  const tokens = new Map([...methods].map(([name]) => [tokenOf(story, name, run), name]));
  const checks = check(story, { recovery, wallet, state, ledger, messages, methods, tokens });
  if (story.then_detached) {
    const name = story.then_detached;
    const row = wallet.find((one) => one.payment_method_id === methods.get(name));
    const attached = await inspector.isAttached(tokenOf(story, name, run));
    checks.push(
      {
        label: `the ${name} at the gateway`,
        expected: 'detached',
        actual: attached ? 'attached' : 'detached',
      },
      { label: `the ${name} in the graph`, expected: 'inactive', actual: row?.status ?? 'none' },
    );
  }
  return { story, customerId, paymentId, workflowId, recovery, lines, tookMs, messages, checks };

  async function detachAndReconcile(name: string, token: string): Promise<string[]> {
    await inspector.detachSilently(token);
    await agents.reconcile(paymentId);
    await until(`the reconciliation to find the ${name}`, async () =>
      (await inspector.wallet(customerId)).some(
        (row) => row.payment_method_id === methods.get(name) && row.status === 'inactive',
      ),
    );
    return [
      `the ${name} is detached at the gateway, and the webhook is lost`,
      `an operator starts a reconciliation (persona reconcile), which removes it from the wallet`,
    ];
  }
}

/** Onboards a story's customer, card after card. @param onCard called for each card, with the token of this run */
export async function onboard(
  story: Pick<Story, 'id' | 'customer'>,
  run: string,
  agents: Agents,
  inspector: StateInspector,
  onCard: (card: Card, id: string) => void,
) {
  let customerId: string | undefined;
  const devices = new Map<string, string>();
  for (const [index, { days_ago, card: storyCard, request }] of story.customer.onboardings.entries()) {
    const card = withRunToken(storyCard, run);
    await inspector.issueCard(card);
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
    onCard(card, onboarded.payment_method_id);
    const id = onboarded.payment_method_id;
    await until(`the activation of the ${card.name}`, async () =>
      (await inspector.wallet(onboarded.customer_id)).some(
        (row) => row.payment_method_id === id && row.status === 'active',
      ),
    );
  }
  if (customerId === undefined) throw new Error(`${story.id} has no onboardings`);
  return { customerId, devices };
}

/** The timeline's entries about this payment's charges. */
async function timelineOfCharges(paymentId: string, agents: Agents, customerId: string): Promise<string[]> {
  const shown = (await agents.timeline(customerId)).filter(
    (text) => text.includes(paymentId) && /charge/.test(text),
  );
  return shown.map((text) => `the timeline shows: ${text}`);
}

function withRunToken(card: Card, run: string): Card {
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
  return withRunToken(cards.find((card) => card.name === name) as Card, run).token;
}

function required<K, V>(map: Map<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`the story refers to '${String(key)}', which it does not define`);
  return value;
}

/** Polls until there is a value. @throws Error naming what was awaited, after the time limit */
export async function until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const limit = Date.now() + LIMIT_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > limit) throw new Error(`${what} did not happen within ${LIMIT_MS / 1000} s`);
    await setTimeout(50);
  }
}

export async function waitForNotice(
  inspector: StateInspector,
  customerId: string,
  template: string,
): Promise<void> {
  await until(`the notice ${template}`, async () =>
    (await inspector.inbox(customerId)).some((message) => message.template === template),
  );
}
