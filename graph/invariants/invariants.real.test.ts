/**
 * The graph's invariants (docs/reference/graph.md, 'Invariants'), tested by many clients that send commands to the same few
 * customers concurrently and repeatedly. Afterwards models in memory must agree with the graph: the log's
 * (`persona verify`: 1, 3, 4, 8), and those below. `PERSONA_PROPERTY_RUNS` sets the number of runs.
 */

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PersonaError } from '../../domain/errors.ts';
import type { Opening } from '../../domain/recovery/claims.ts';
import { readPolicy } from '../../platform/policy.ts';
import { verifyAndClose, openTestGraph, testHeader } from '../../test/test-graph.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { Graph } from '../kernel/graph.ts';
import type { StoredEvent } from '../replay/stream.ts';
import { readStream } from '../replay/stream.ts';
import { verifyStreams } from '../replay/verify.ts';
import { type Action, action, newWorld, ownerOfNumber, prepare, type World } from './command-fixtures.ts';

const defaultPolicy = readPolicy();
// Trust is not tested here: without it more claims succeed, and conflict.
const policy = { ...defaultPolicy, recovery: { ...defaultPolicy.recovery, requireTrustedDevice: false } };
const RUNS = Number(process.env.PERSONA_PROPERTY_RUNS ?? 8);

let graph: Graph;
beforeAll(async () => {
  graph = await openTestGraph();
});
afterAll(async () => {
  await verifyAndClose(graph);
});

/** One action as it was sent, with its result. */
interface Sent {
  action: Action;
  header: CommandHeader;
  /** Absent: refused, or there was nothing to send. */
  answer?: unknown;
}

/** Every command is sent again, concurrently and afterwards: the result is the same, or is determined again. */
async function sendTwice(world: World, sent: Sent): Promise<void> {
  const command = prepare(graph, policy, world, sent);
  if (command === undefined) return;
  const attempt = () =>
    command().catch((error: unknown) => {
      const isRefusal = error instanceof PersonaError && error.type !== 'graph_unavailable';
      if (isRefusal && error.type !== 'internal') return undefined;
      throw error;
    });
  const [first, second] = await Promise.all([attempt(), attempt()]);
  sent.answer = first ?? second;
  const third = await attempt();
  // Invariant 5. A refusal is determined again.
  if (answersCurrentState(sent)) return;
  if (first !== undefined && second !== undefined) expect(second).toEqual(first);
  if (sent.answer !== undefined) expect(third).toEqual(sent.answer);
}

/** A claim, a settlement and an older failure return the current state: nothing was written. */
function answersCurrentState({ action: { do: name }, answer }: Sent): boolean {
  if (name !== 'fail') return name === 'claim' || name === 'settle';
  const result = (answer as { opening: Opening } | undefined)?.opening.result;
  return result === 'unchanged' || result === 'closed';
}

const START = Date.parse('2026-01-01T00:00:00Z');

test('every invariant holds while many clients change the same customers concurrently', async () => {
  let tick = 0;
  const clients = fc.array(fc.array(action, { minLength: 6, maxLength: 12, size: 'max' }), {
    minLength: 4,
    maxLength: 6,
  });
  const property = fc.asyncProperty(clients, async (plans) => {
    const world = await newWorld(graph, policy);
    const all: Sent[][] = plans.map((plan) =>
      plan.map((item) => {
        tick += 1;
        // Observations arrive in any order: each has its own time.
        const occurredAt = new Date(START + ((tick * 7_919) % 10_007) * 1000).toISOString();
        return { action: item, header: testHeader({ occurredAt, idempotencyKey: randomUUID() }) };
      }),
    );
    await Promise.all(
      all.map(async (plan) => {
        for (const sent of plan) await sendTwice(world, sent);
      }),
    );
    await checkInvariants(world, all.flat());
  });
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
}, 600_000);

async function checkInvariants(world: World, sent: readonly Sent[]): Promise<void> {
  const onboardedIds = sent.flatMap(({ action: { do: name }, answer }) =>
    name === 'meet' && answer ? [(answer as { customer_id: string }).customer_id] : [],
  );
  const customers = [...new Set([...world.customers, ...onboardedIds])];
  const streams = [
    ...customers.map((id) => ({ kind: 'customer' as const, id })),
    ...world.devices.map((id) => ({ kind: 'device' as const, id })),
  ];
  expect(await verifyStreams(graph, streams)).toEqual([]);
  const logs = new Map(
    await Promise.all(streams.map(async (stream) => [stream.id, await readStream(graph, stream)] as const)),
  );
  checkOwnership(world, sent, logs);
  await checkUniqueness(world);
  await checkTotals(world, sent);
  for (const id of customers) checkClaims(logs.get(id) ?? []);
  await checkSharedCard(world);
}

/** Invariant 2: what a command wrote is in the streams that it named, and nowhere else. */
function checkOwnership(world: World, sent: readonly Sent[], logs: ReadonlyMap<string, StoredEvent[]>): void {
  for (const { action: item, header, answer } of sent) {
    const touched = [...logs].flatMap(([id, log]) =>
      log.some((event) => event.correlation_id === header.correlationId) ? [id] : [],
    );
    const named = [
      ...('customer' in item ? [world.customers[item.customer]] : []),
      ...('device' in item ? [world.devices[item.device]] : []),
      ...('payment' in item ? [ownerOfNumber(world, item.payment)] : []),
      ...('event' in item ? [ownerOfNumber(world, item.event)] : []),
      ...('claim' in item ? world.customers : []),
      ...(item.do === 'meet' && answer ? [(answer as { customer_id: string }).customer_id] : []),
    ];
    expect(touched.filter((id) => !named.includes(id))).toEqual([]);
  }
}

const HOLDERS = `
  MATCH (p:PaymentMethod)<-[:HAS_PAYMENT_METHOD]-(c:Customer) WHERE p.token_hash IN $tokens
  RETURN p.token_hash AS what, count(DISTINCT c) AS holders
  UNION
  MATCH (i:DigitalIdentifier {type: 'email'})<-[:HAS_DIGITAL_IDENTIFIER]-(c:Customer) WHERE i.value_hash IN $emails
  RETURN i.value_hash AS what, count(DISTINCT c) AS holders`;

/** A token and an identifier belong to one customer, even if several requested them concurrently. */
async function checkUniqueness(world: World): Promise<void> {
  const rows = await graph.read<{ what: string; holders: number }>(HOLDERS, {
    tokens: world.tokens.map((value) => graph.blindIndex.hash('token', value)),
    emails: world.emails.map((value) => graph.blindIndex.hash('email', value)),
  });
  expect(rows.filter(({ holders }) => holders !== 1)).toEqual([]);
}

const LTV = 'MATCH (c:Customer {id: $id}) RETURN c.ltv_minor AS ltv';
const LOGINS = `
  MATCH (:Customer {id: $customer})-[l:LOGGED_IN_FROM]->(:Device {id: $device})
  RETURN l.login_count AS count, l.last_login AS last`;
const SCORE = 'MATCH (d:Device {id: $device}) RETURN d.trust_score AS score';

/** Invariant 6: no update is lost and none counts twice; of observations the newest stays. */
async function checkTotals(world: World, sent: readonly Sent[]): Promise<void> {
  const succeeded = <N extends Action['do']>(name: N) =>
    sent.flatMap(({ action: item, header, answer }) =>
      item.do === name && answer !== undefined
        ? [{ action: item as Extract<Action, { do: N }>, at: header.occurredAt }]
        : [],
    );
  const events = new Set(succeeded('ltv').map(({ action: { event } }) => event));
  for (const id of world.customers) {
    const own = [...events].filter((event) => ownerOfNumber(world, event) === id);
    const [row] = await graph.read<{ ltv: number }>(LTV, { id });
    expect(row?.ltv).toBe(own.reduce((sum, event) => sum + event + 1, 0));
  }
  for (const [index, device] of world.devices.entries()) {
    for (const [position, customer] of world.customers.entries()) {
      const own = succeeded('login').filter(
        ({ action: item }) => item.device === index && item.customer === position,
      );
      const rows = await graph.read(LOGINS, { customer, device });
      const last = own
        .map(({ at }) => at)
        .sort()
        .at(-1);
      expect(rows).toEqual(own.length === 0 ? [] : [{ count: own.length, last }]);
    }
    const scores = succeeded('trust').filter(({ action: item }) => item.device === index);
    const newest = scores.sort((a, b) => (a.at < b.at ? -1 : 1)).at(-1);
    const [row] = await graph.read<{ score: number }>(SCORE, { device });
    expect(row?.score).toBe(newest === undefined ? policy.trust.initial : newest.action.score / 10);
  }
}

const FOREIGN_CHARGES = `
  MATCH (a:ChargeAttempt) WHERE a.customer_id IN $customers
  MATCH (p:PaymentMethod {id: a.payment_method_id})<-[:HAS_PAYMENT_METHOD]-(c:Customer)
  WHERE c.id <> a.customer_id
  RETURN a.key AS key`;

/** One card at several customers: an unresolved charge blocks it for all, and no customer is charged for another. */
async function checkSharedCard(world: World): Promise<void> {
  expect(world.claimedWhileUnresolved).toEqual([]);
  expect(await graph.read(FOREIGN_CHARGES, { customers: world.customers })).toEqual([]);
}

/** Invariant 7: at no point of the log is there a second charge in flight, or one for a paid or closed obligation. */
function checkClaims(log: readonly StoredEvent[]): void {
  const states = new Map<string, { payment: string; state: string }>();
  const closed = new Set<string>();
  for (const event of log) {
    const data = JSON.parse(event.data) as { key: string; payment_id: string; state: string };
    if (event.type === 'RecoveryClosed') closed.add(data.payment_id);
    if (event.type === 'RecoveryReopened') closed.delete(data.payment_id);
    if (event.type === 'ChargeClaimed') {
      expect([...closed]).not.toContain(data.payment_id);
      const others = [...states.values()];
      const conflicting = others.filter(
        ({ payment, state }) =>
          state === 'in_flight' ||
          (payment === data.payment_id && ['approved', 'unknown', 'pending'].includes(state)),
      );
      expect(conflicting).toEqual([]);
      states.set(data.key, { payment: data.payment_id, state: 'in_flight' });
    }
    if (event.type === 'RecoveryAttempted' && states.has(data.key))
      states.set(data.key, { payment: data.payment_id, state: data.state });
  }
}
