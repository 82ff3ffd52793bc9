/** On a clock of long ago, so that nothing of another test is due. */

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { beginRetention, type RetentionProgress } from '../../domain/retention.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  excludeFromVerification,
  onboardingRequest,
  openTestGraph,
  runCypher,
  testGraph,
  testHeader,
} from '../../test/test-graph.ts';
import { customerWithCards, failureOf, type TestWallet } from '../../test/wallet-fixtures.ts';
import { updateCustomer } from '../customers/update-customer.ts';
import { isErasedId } from '../erasure/erased-ids.ts';
import { announceErasure, forgetCustomer, hideCustomer, requestErasure } from '../erasure/index.ts';
import { createCustomer, getDisclosures, onboard, recordDeviceLogin, recordDisclosures } from '../index.ts';
import type { CommandHeader } from '../kernel/command-header.ts';
import type { Graph } from '../kernel/graph.ts';
import { expireReceipts, hasReceipt, type ReceiptKind } from '../kernel/receipts.ts';
import { closeRecovery, finishNotice, getObligation, openRecovery } from '../recovery/index.ts';
import { verifyCustomer, verifyStreams } from '../replay/verify.ts';
import { lastRetention, runRetention } from './index.ts';
import { forgetRecovery } from './recoveries.ts';
import { forgetSighting } from './sightings.ts';

const graph = await testGraph();
const policy = readPolicy();
const { retention } = policy;
const DAY = 86_400_000;
const NOW = Date.parse('1999-01-01T00:00:00Z');
const at = (time: number, on: Graph = graph): Graph => ({ ...on, now: () => time });
const headerAt = (time: number, header: Partial<CommandHeader> = {}) =>
  testHeader({ occurredAt: new Date(time).toISOString(), ...header });
const run = (dryRun: boolean, from: RetentionProgress = beginRetention(NOW), onProgress = () => true) =>
  runRetention(at(NOW), from, { policy, dryRun, onProgress });

/** A customer's device that was first seen at this time, and once more. */
async function deviceSeen(time: number) {
  const device = { fingerprint: randomUUID(), ip: '192.0.2.1', user_agent: 'Firefox/1' };
  const login = async (on: number, change: { ip?: string; customer_id?: string } = {}) => {
    const { ip = device.ip, customer_id } = change;
    const occurred_at = new Date(on).toISOString();
    const request = onboardingRequest({
      ...{ device_details: { ...device, ip }, occurred_at },
      ...(customer_id !== undefined && { customer_id }),
    });
    return onboard(at(on), headerAt(on), { request, policy });
  };
  const { customer_id, device_id } = await login(time - DAY);
  const again = (on: number, ip: string) => login(on, { ip, customer_id });
  await again(time, '192.0.2.2');
  return { customer_id, device_id: String(device_id), again };
}

const SIGHTING = `
  MATCH (d:Device {id: $id})
  RETURN d.last_seen_ip IS NOT NULL AS ip, d.last_seen_user_agent AS user_agent,
    COUNT { MATCH (e:PersonaEvent {stream_id: d.id}) WHERE e.seq > 0 AND e.data CONTAINS '"last_seen_ip":"' } AS in_log`;
const sighting = async (id: string) => (await graph.read(SIGHTING, { id }))[0];

/** A recovery with a description and a notice that was closed at this time. */
async function recoveryClosed(wallet: TestWallet, time: number) {
  const failure = failureOf(wallet, {
    description: 'Harbour Gym',
    ...{ occurred_at: new Date(time - DAY).toISOString(), decline_code: 'pickup_card' },
  });
  const { customer_id, payment_id } = failure;
  const opened = { failure, policy, now: time - DAY, claim_first: false };
  await openRecovery(at(time - DAY), headerAt(time - DAY), opened);
  const ending = { payment_id, outcome: 'cancelled', rule: 'test' } as const;
  await closeRecovery(at(time), headerAt(time), ending);
  const notice = { customer_id, payment_id, template: 'recovery_ended', channel: 'email' };
  await finishNotice(at(time), headerAt(time), { ...notice, notification_id: randomUUID() });
  return { customer_id, payment_id };
}

const PAYMENT = `
  MATCH (o:Obligation {payment_id: $payment_id})
  RETURN o.description AS description, COUNT { MATCH (:Notice {payment_id: $payment_id}) } AS notices,
    COUNT { MATCH (e:PersonaEvent {stream_id: o.customer_id}) WHERE e.seq > 0
      AND e.data CONTAINS $payment_id AND e.data CONTAINS 'Harbour Gym' } AS in_log,
    COLLECT { MATCH (a:ChargeAttempt {payment_id: $payment_id}) RETURN properties(a) } AS attempts`;
const paymentOf = async (payment_id: string) => (await graph.read(PAYMENT, { payment_id }))[0];

/** The pseudonym of a customer who was erased at once, and whose payment was closed at this time. */
async function erasedWith(time: number): Promise<{ pseudonym: string; payment_id: string }> {
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const { customer_id, payment_id } = await recoveryClosed(wallet, time);
  excludeFromVerification(graph, customer_id);
  const { erasure_id } = await requestErasure(graph, { customer_id });
  await hideCustomer(graph, { erasure_id, customer_id, by: { actor: 'test', correlationId: 'test' } });
  await announceErasure(graph, { erasure_id, customer_id });
  await forgetCustomer(graph, { erasure_id, customer_id }, () => {});
  return { pseudonym: (await getObligation(graph, payment_id)).customer_id, payment_id };
}

/** A graph whose process dies before its transaction of this number. */
function dyingGraph(transactions: number): Graph {
  let left = transactions;
  return {
    ...at(NOW),
    writeSession() {
      left -= 1;
      if (left < 0) throw new Error('killed');
      return graph.writeSession();
    },
  };
}

test('what is older than the policy keeps it goes, nothing younger does, and the log still fits', async () => {
  const [oldest, youngest] = [-DAY, DAY];
  const edge = (kept: number, age: number) => NOW - kept + age;
  const receipts = [];
  for (const isHeaderKey of [true, false])
    for (const age of [oldest, youngest / 2]) {
      const time = edge(isHeaderKey ? retention.idempotency : retention.receipts, age);
      const header = headerAt(time, isHeaderKey ? { isHeaderKey } : {});
      const { customer_id } = await createCustomer(at(time), header, {});
      receipts.push({ header, customer_id });
    }
  const { customer_id = '' } = receipts[0] ?? {};
  const days = [oldest, 0].map((age) =>
    new Date(edge(retention.disclosures, age)).toISOString().slice(0, 10),
  );
  const disclosed = {
    customer_id,
    recipient: 'oracle',
    purpose: 'analytics',
    categories: ['history' as const],
  };
  await recordDisclosures(
    graph,
    days.map((day) => ({ ...disclosed, day })),
  );
  const unseen = await deviceSeen(edge(retention.sightings, oldest));
  const seen = await deviceSeen(edge(retention.sightings, youngest));
  const wallet = await customerWithCards(graph, policy, { cards: 1, fingerprints: [`card-${randomUUID()}`] });
  const old = await recoveryClosed(wallet, edge(retention.recovery, oldest));
  const young = await recoveryClosed(wallet, edge(retention.recovery, youngest));
  const failure = failureOf(wallet, {
    ...{ description: 'Harbour Gym', occurred_at: new Date(edge(retention.recovery, oldest)).toISOString() },
  });
  const longAgo = edge(retention.recovery, oldest);
  await openRecovery(at(longAgo), headerAt(longAgo), { failure, policy, now: longAgo, claim_first: false });
  const left = await erasedWith(edge(retention.financial, oldest));
  const stillLeft = await erasedWith(edge(retention.financial, youngest));
  const { attempts } = (await paymentOf(old.payment_id)) as { attempts: object[] };
  expect(attempts).toMatchObject([{ card_dead: true, instrument_fingerprint: expect.any(String) }]);

  const due = await run(true);
  expect(await sighting(unseen.device_id)).toMatchObject({ ip: true });
  const removed = await run(false);
  expect(removed.counts).toEqual(due.counts);
  expect(removed.counts).toMatchObject({
    ...{ idempotency: 1, disclosures: 1, sightings: 1, recovery: 1, financial: 1 },
  });

  expect(await Promise.all(receipts.map(({ header }) => hasReceipt(graph, header)))).toEqual([
    ...[false, true, false, true],
  ]);
  expect(await getDisclosures(graph, { customer_id })).toMatchObject([{ days: 1, first_day: days[1] }]);
  expect(await sighting(unseen.device_id)).toEqual({ ip: false, user_agent: null, in_log: 0 });
  expect(await sighting(seen.device_id)).toEqual({ ip: true, user_agent: 'Firefox/1', in_log: 2 });
  // The attempt that bans the card stays as it was.
  expect(await paymentOf(old.payment_id)).toEqual({ description: null, notices: 0, in_log: 0, attempts });
  for (const { payment_id, notices } of [
    { ...young, notices: 1 },
    { ...failure, notices: 0 },
  ])
    expect(await paymentOf(payment_id)).toMatchObject({ description: 'Harbour Gym', notices, in_log: 1 });
  expect(
    await graph.read('MATCH (n) WHERE n.customer_id = $id OR n.id = $id RETURN n', { id: left.pseudonym }),
  ).toEqual([]);
  expect(await isErasedId(graph, graph, left.pseudonym)).toBe(true);
  expect(await verifyCustomer(graph, stillLeft.pseudonym)).toEqual([]);
  expect(await getObligation(graph, stillLeft.payment_id)).toMatchObject({ state: 'cancelled' });
  const streams = [unseen, seen, old].flatMap(({ customer_id: id, ...rest }) => [
    { kind: 'customer' as const, id },
    ...('device_id' in rest ? [{ kind: 'device' as const, id: rest.device_id }] : []),
  ]);
  expect(await verifyStreams(graph, streams)).toEqual([]);
  expect(await lastRetention(graph)).toBeGreaterThanOrEqual(NOW);
  const again = await run(false);
  expect(again.counts).toMatchObject({ sightings: 0, recovery: 0, financial: 0, disclosures: 0 });
});

test('a run that is killed in a long stream leaves graph and log in agreement, and the next one goes on', async () => {
  const { device_id } = await deviceSeen(NOW - 2 * retention.sightings);
  await runCypher(
    graph,
    `MATCH (d:Device {id: $device_id})
     MATCH (e:PersonaEvent {stream_id: $device_id, seq: 2})
     SET d.version = 2502
     WITH e UNWIND range(3, 2502) AS seq
     CREATE (one:PersonaEvent) SET one = e {.*, id: randomUUID(), seq: seq}`,
    { device_id },
  );
  const before = NOW - retention.sightings;
  await expect(forgetSighting(dyingGraph(2), { device_id, before })).rejects.toThrow('killed');
  expect(await sighting(device_id)).toMatchObject({ ip: true, in_log: 502 });
  const stream = [{ kind: 'device' as const, id: device_id }];
  expect(await verifyStreams(graph, stream)).toEqual([]);
  expect(await forgetSighting(at(NOW), { device_id, before })).toBe(true);
  expect(await sighting(device_id)).toEqual({ ip: false, user_agent: null, in_log: 0 });
  expect(await verifyStreams(graph, stream)).toEqual([]);
});

test('two runs at once, and a run that another process takes over, remove each thing once', async () => {
  const devices = await Promise.all(
    Array.from({ length: 6 }, () => deviceSeen(NOW - 2 * retention.sightings)),
  );
  const runs = await Promise.all([run(false), run(false)]);
  expect(runs.reduce((sum, { counts }) => sum + counts.sightings, 0)).toBe(devices.length);
  const late = await deviceSeen(NOW - 2 * retention.sightings);
  let pages = 0;
  const first = await run(false, beginRetention(NOW), () => ++pages < 5);
  expect(first.step).not.toBeNull();
  const { step, counts } = await run(false, first);
  expect({ step, sightings: counts.sightings }).toEqual({ step: null, sightings: 1 });
  expect(await sighting(late.device_id)).toMatchObject({ in_log: 0 });
});

test('a device that is seen again, and a recovery that is reopened, while retention runs are kept or come anew', async () => {
  const other = await openTestGraph({ keyRing: graph.keyRing, blindIndex: graph.blindIndex });
  const before = NOW - retention.sightings;
  for (let round = 0; round < 5; round += 1) {
    const { device_id, customer_id, again } = await deviceSeen(before - DAY);
    const wallet = await customerWithCards(graph, policy, { cards: 1 });
    const closed = await recoveryClosed(wallet, NOW - 2 * retention.recovery);
    const failure = failureOf(wallet, { ...closed, occurred_at: new Date(NOW).toISOString() });
    const reopened = {
      failure: { ...failure, description: 'Gym, again' },
      policy,
      now: NOW,
      claim_first: false,
    };
    await Promise.all([
      again(NOW, '192.0.2.3'),
      openRecovery(at(NOW, other), headerAt(NOW), reopened),
      forgetSighting(at(NOW), { device_id, before }),
      forgetRecovery(at(NOW), { ...closed, before: NOW - retention.recovery }),
    ]);
    await recordDeviceLogin(at(NOW), headerAt(NOW), { customer_id, device_id, by: 'customer' });
    expect(await sighting(device_id)).toMatchObject({ ip: true, user_agent: 'Firefox/1' });
    expect(await getObligation(graph, closed.payment_id)).toMatchObject({ state: 'open' });
    // Its own, or the newer one if that was gone.
    expect(await paymentOf(closed.payment_id)).toMatchObject({ description: expect.stringContaining('Gym') });
  }
  await other.close();
});

test('a recovery whose refund is left to an operator keeps what its notice says, whatever its age', async () => {
  const wallet = await customerWithCards(graph, policy, { cards: 1 });
  const { payment_id } = await recoveryClosed(wallet, NOW - 2 * retention.recovery);
  const leave = (failed: string[] | null) =>
    runCypher(graph, 'MATCH (o:Obligation {payment_id: $payment_id}) SET o.refunds_failed = $failed', {
      ...{ payment_id, failed },
    });
  await leave(['recovery:key']);
  await run(false);
  expect(await paymentOf(payment_id)).toMatchObject({ description: 'Harbour Gym', notices: 1 });
  await leave(null);
  await run(false);
  expect(await paymentOf(payment_id)).toMatchObject({ description: null, notices: 0 });
});

/** Long before everything else that is ever removed, and the last test, whose receipts no run counts. */
const FIRST_DAY = Date.parse('1960-01-01T00:00:00Z');
const onDay = (day: number) => at(FIRST_DAY + day * DAY);
const expire = (kind: ReceiptKind, day: number, limit = 100) =>
  expireReceipts(graph, { kind, before: FIRST_DAY + day * DAY, limit });

test('receipts are deleted by kind and age, one batch at a time, and their keys may be used again', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const written: {
    header: CommandHeader;
    change: Parameters<typeof updateCustomer>[2];
    version: number;
  }[] = [];
  for (const day of [0, 1, 2]) {
    for (const kind of ['request', 'event']) {
      const header = testHeader(kind === 'request' ? { isHeaderKey: true } : {});
      const change = { customer_id, locale: `de-${day}`, by: 'service' as const, policy };
      const { version } = await updateCustomer(onDay(day), header, change);
      written.push({ header, change, version });
    }
  }
  const haveReceipts = () => Promise.all(written.map(({ header }) => hasReceipt(graph, header)));

  expect(await expire('request', 2)).toBe(2);
  expect(await haveReceipts()).toEqual([false, true, false, true, true, true]);
  expect([await expire('event', 3, 2), await expire('event', 3, 2)]).toEqual([2, 1]);
  expect(await haveReceipts()).toEqual([false, false, false, false, true, false]);
  expect(await expire('event', 3)).toBe(0);

  const [, , , , remaining, expired] = written;
  if (remaining === undefined || expired === undefined) throw new Error('six receipts were expected');
  expect(await updateCustomer(graph, remaining.header, remaining.change)).toMatchObject({
    version: remaining.version,
  });
  await updateCustomer(graph, expired.header, {
    ...{ customer_id, policy },
    locale: 'en',
    by: 'service',
  });
  expect(await expire('request', 3)).toBe(1);
});
