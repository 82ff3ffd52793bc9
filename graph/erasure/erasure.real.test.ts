import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openJournalFile } from '../../adapters/erasure-journal/file.ts';
import { readPolicy } from '../../platform/policy.ts';
import { claimedObligation } from '../../test/obligation-fixtures.ts';
import {
  excludeFromVerification,
  onboardingRequest,
  openTestGraph,
  randomEmail,
  runCypher,
  testGraph,
  testHeader,
} from '../../test/test-graph.ts';
import { customerWithCards, failureOf } from '../../test/wallet-fixtures.ts';
import {
  contestEvent,
  createCustomer,
  decideContest,
  getContestState,
  getOpenContests,
  getCustomerProfile,
  getDevices,
  onboard,
  setCustomerStatus,
  updateDeviceTrustScore,
} from '../index.ts';
import { closeRecovery, openRecovery } from '../recovery/index.ts';
import { isErasedId } from './erased-ids.ts';
import { verifyAll, verifyStreams } from '../replay/verify.ts';
import {
  applyJournal,
  announceErasure,
  findErasureTakenBack,
  findUnsettled,
  finishErasure,
  forgetCustomer,
  getErasure,
  hideCustomer,
  markStep,
  readErasureSubject,
  requestErasure,
  takeBackErasure,
  verifyErasures,
} from './index.ts';

const graph = await testGraph();
const policy = readPolicy();
const by = { actor: 'test', correlationId: 'test' };
const UNKNOWN = { type: 'customer_not_found' };

async function hidden(customer_id: string, on = graph): Promise<string> {
  const { erasure_id } = await requestErasure(on, { customer_id });
  await hideCustomer(on, { erasure_id, customer_id, by });
  return erasure_id;
}

/** Every step in the graph, for a customer who owes nothing. */
async function erase(customer_id: string): Promise<string> {
  excludeFromVerification(graph, customer_id);
  const erasure_id = await hidden(customer_id);
  await announceErasure(graph, { erasure_id, customer_id });
  expect(await forgetCustomer(graph, { erasure_id, customer_id }, () => {})).toEqual([]);
  await finishErasure(graph, erasure_id);
  return erasure_id;
}

/** The same, killed after each of its transactions and begun again. @returns how often */
async function eraseInterrupted(customer_id: string): Promise<number> {
  excludeFromVerification(graph, customer_id);
  const erasure_id = await hidden(customer_id);
  let runs = 0;
  for (let isComplete = false; !isComplete; runs += 1) {
    let transactions = 0;
    const stop = () => {
      transactions += 1;
      if (transactions > runs) throw new Error('killed');
    };
    isComplete = await forgetCustomer(graph, { erasure_id, customer_id }, stop).then(
      () => true,
      (error: Error) => {
        expect(error.message).toBe('killed');
        return false;
      },
    );
  }
  await finishErasure(graph, erasure_id);
  return runs;
}

/** Every place in the graph where a text is found. */
async function placesOf(text: string): Promise<string[]> {
  const rows = await graph.read<{ at: string; properties: object }>(
    `MATCH (n) RETURN labels(n)[0] AS at, properties(n) AS properties
     UNION ALL MATCH ()-[r]->() RETURN type(r) AS at, properties(r) AS properties`,
  );
  return rows.filter(({ properties }) => JSON.stringify(properties).includes(text)).map(({ at }) => at);
}

/** The streams of the payment's new owner. */
async function ownerOf(payment_id: string): Promise<string> {
  const [row] = await graph.read<{ id: string }>(
    'MATCH (c:Customer)-[:OWES]->(:Obligation {payment_id: $payment_id}) RETURN c.id AS id',
    { payment_id },
  );
  return row?.id ?? expect.fail();
}

const REPEAT_LAST_EVENT = `
  MATCH (d:Device {id: $device_id})
  MATCH (e:PersonaEvent {stream_id: $device_id, seq: d.version})
  WITH d, e, d.version AS seq
  SET d.version = seq + $count, d.changed_seq = seq + $count
  WITH e, seq UNWIND range(1, $count) AS n
  CREATE (copy:PersonaEvent) SET copy = e {.*, id: randomUUID(), seq: seq + n}`;

test('a hidden customer is unknown to the edges, and settles what was begun', async () => {
  const { customer_id, payment_id, key, record } = await claimedObligation(graph, policy);
  const contested = { customer_id, seq: 1, reason: 'That was not me.' };
  const { contest_id } = await contestEvent(graph, testHeader(), contested);
  const erasure_id = await hidden(customer_id);
  await expect(getCustomerProfile(graph, { customer_id })).rejects.toMatchObject(UNKNOWN);
  const suspend = { customer_id, status: 'suspended', reason: 'test' } as const;
  await expect(setCustomerStatus(graph, testHeader(), suspend)).rejects.toMatchObject(UNKNOWN);
  // An open contest holds nothing up, and can no longer be decided.
  expect(await getContestState(graph, contest_id)).toBeUndefined();
  const open = await getOpenContests(graph, { limit: 100 });
  expect(open.map((one) => one.contest_id)).not.toContain(contest_id);
  const decide = { customer_id, seq: 1, decision: 'rejected', corrections: [], explanation: 'x' } as const;
  await expect(decideContest(graph, testHeader(), decide)).rejects.toMatchObject(UNKNOWN);
  expect(await findUnsettled(graph, customer_id)).toEqual(['charge']);
  expect(await forgetCustomer(graph, { erasure_id, customer_id }, () => {})).toEqual(['charge']);
  // A test's command is an edge's: a recovery's is not.
  await expect(record({ result: 'approved', charge_ref: 'ch_1', gateway_ref: 'pi_1' })).rejects.toMatchObject(
    UNKNOWN,
  );
  await takeBackErasure(graph, { erasure_id, by });
  expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ status: 'active' });
  expect(await getErasure(graph, erasure_id)).toMatchObject({ state: 'cancelled' });
  await record({ result: 'approved', charge_ref: `ch_${key}`, gateway_ref: `pi_${payment_id}` });
  expect(await findUnsettled(graph, customer_id)).toEqual([]);
});

test('concurrent requests are one erasure, and one that has settled cannot be taken back', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const erasures = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const { erasure_id } = await requestErasure(graph, { customer_id });
      await hideCustomer(graph, { erasure_id, customer_id, by });
      return erasure_id;
    }),
  );
  expect(new Set(erasures).size).toBe(1);
  const [erasure_id = expect.fail()] = erasures;
  await markStep(graph, erasure_id, 'settled');
  await expect(takeBackErasure(graph, { erasure_id, by })).rejects.toMatchObject({
    type: 'illegal_transition',
  });
});

test('an erasure that was taken back hides nobody, and is missed in a journal that does not say so', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const { erasure_id } = await requestErasure(graph, { customer_id });
  expect(await findErasureTakenBack(graph, customer_id)).toBeUndefined();
  await takeBackErasure(graph, { erasure_id, by });
  // A request that had begun before.
  await hideCustomer(graph, { erasure_id, customer_id, by });
  expect(await getCustomerProfile(graph, { customer_id })).toMatchObject({ status: 'active' });

  const journal = newJournal();
  const { hash, requested_at: at } = await readErasureSubject(graph, erasure_id);
  await journal.append({ erasure_id, hash, at });
  const proof = () => verifyErasures(graph, journal, async function* () {});
  expect(await proof()).toMatchObject({ erasures: 0, found: [], not_taken_back: [erasure_id] });
  expect(await findErasureTakenBack(graph, customer_id)).toBe(erasure_id);
  // The person asks again, before the operator has completed the journal.
  const next = await hidden(customer_id);
  await journal.append({ erasure_id: next, hash, at });
  await journal.append({ erasure_id, hash, at, cancelled: true });
  expect(await proof()).toMatchObject({ erasures: 1, running: 1, found: [], not_taken_back: [] });
  await takeBackErasure(graph, { erasure_id: next, by });
});

test('erasure leaves amounts under a pseudonym, and nothing that leads back', async () => {
  const email = randomEmail();
  const paid = await claimedObligation(graph, policy, { email });
  const { customer_id, payment_id, methods } = paid;
  await paid.record({ result: 'approved', charge_ref: 'ch_paid' });
  const contested = { customer_id, seq: 1, reason: 'That was not me.' };
  const { contest_id } = await contestEvent(graph, testHeader(), contested);
  const devices = await getDevices(graph, { customer_id });
  const [before] = await graph.read<{ amount: number }>(
    'MATCH (o:Obligation {payment_id: $payment_id}) RETURN o.amount AS amount',
    { payment_id },
  );
  excludeFromVerification(graph, ...devices.map(({ device_id }) => device_id));
  const erasure_id = await erase(customer_id);

  expect(await placesOf(customer_id)).toEqual([]);
  expect(await getContestState(graph, contest_id)).toBeUndefined();
  for (const id of [...methods, ...devices.map(({ device_id }) => device_id)])
    expect(await placesOf(id)).toEqual([]);
  const pseudonym = await ownerOf(payment_id);
  const rows = await graph.read<{ node: Record<string, unknown> }>(
    'MATCH (a:ChargeAttempt {customer_id: $pseudonym}) RETURN properties(a) AS node ORDER BY a.n',
    { pseudonym },
  );
  expect(rows.map(({ node }) => node)).toMatchObject([
    { source: 'reported', state: 'declined' },
    { source: 'recovery', state: 'approved', amount: before?.amount, gateway_ref: 'ch_paid' },
  ]);
  expect(JSON.stringify(rows)).not.toContain('fingerprint');
  expect(await verifyStreams(graph, [{ kind: 'customer', id: pseudonym }])).toEqual([]);
  const subject = await readErasureSubject(graph, erasure_id);
  expect(JSON.stringify(subject)).not.toContain(pseudonym);
  expect(subject).toMatchObject({ state: 'done' });

  // A person who comes back is a new customer; the old id stays unusable.
  const identifiers = [{ type: 'email' as const, value: email, is_verified: true }];
  const again = onboardingRequest({ digital_identifiers: identifiers });
  const { customer_id: next, match } = await onboard(graph, testHeader(), { request: again, policy });
  expect(match).toEqual({ rule: 'none', proven: true, suggested_customer_ids: [] });
  expect(next).not.toBe(customer_id);
  expect(await isErasedId(graph, graph, customer_id)).toBe(true);
  const request = onboardingRequest({ customer_id });
  await expect(onboard(graph, testHeader(), { request, policy })).rejects.toMatchObject(UNKNOWN);
  await expect(createCustomer(graph, testHeader(), { customer_id })).rejects.toMatchObject(UNKNOWN);
  await expect(requestErasure(graph, { customer_id })).rejects.toMatchObject(UNKNOWN);
  const failure = failureOf({ customer_id, methods });
  const input = { failure, policy, now: Date.now(), claim_first: false };
  expect(await openRecovery(graph, testHeader(), input)).toMatchObject({ opening: { result: 'refused' } });
});

test('a disclosure that is written while everything else is deleted does not stay', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  excludeFromVerification(graph, customer_id);
  const erasure_id = await hidden(customer_id);
  await forgetCustomer(graph, { erasure_id, customer_id }, () => {});
  // By a statement that had read the customer before they were hidden.
  const late = `CREATE (:Disclosure {customer_id: $customer_id, day: '2026-01-01', recipient: 'ops', purpose: 'test'})`;
  await runCypher(graph, late, { customer_id });
  await finishErasure(graph, erasure_id);
  expect(await placesOf(customer_id)).toEqual([]);
});

test('a repeat of a request whose customer was erased creates nothing', async () => {
  const header = testHeader();
  const request = onboardingRequest({ digital_identifiers: [{ type: 'email', value: randomEmail() }] });
  const { customer_id } = await onboard(graph, header, { request, policy });
  await erase(customer_id);
  await expect(onboard(graph, header, { request, policy })).rejects.toMatchObject(UNKNOWN);
});

test('who shared a device or was suggested as the same person loses nothing, and is not told whose data it was', async () => {
  const fingerprint = randomUUID();
  const share = () =>
    onboard(graph, testHeader(), {
      request: onboardingRequest({ device_details: { fingerprint } }),
      policy,
    });
  const erased = await share();
  const other = await share();
  const device_id = erased.device_id ?? expect.fail();
  expect(other).toMatchObject({ device_id, match: { suggested_customer_ids: [erased.customer_id] } });
  const trust = { device_id, trust_score: 0.8, observed_at: new Date().toISOString() };
  await updateDeviceTrustScore(graph, testHeader(), trust);
  // More events than one transaction renames.
  await runCypher(graph, REPEAT_LAST_EVENT, { device_id, count: 2_100 });
  expect(await eraseInterrupted(erased.customer_id)).toBeGreaterThan(5);

  expect(await placesOf(erased.customer_id)).toEqual([]);
  expect(await getDevices(graph, other)).toMatchObject([{ device_id, trust_score: 0.8 }]);
  const streams = [
    { kind: 'customer', id: other.customer_id },
    { kind: 'device', id: device_id },
  ] as const;
  expect(await verifyStreams(graph, streams)).toEqual([]);
  const [suggestion] = await graph.read<{ status: string }>(
    'MATCH (:Customer {id: $customer_id})-[m:POSSIBLY_SAME_AS]->() RETURN m.status AS status',
    { customer_id: other.customer_id },
  );
  expect(suggestion?.status).toBe('erased');
});

test('a device that the customer was unlinked from forgets them, or goes if no customer uses it any more', async () => {
  const [left, shared] = [randomUUID(), randomUUID()];
  const use = (fingerprint: string, changes: object = {}) =>
    onboard(graph, testHeader(), {
      request: onboardingRequest({ device_details: { fingerprint }, ...changes }),
      policy,
    });
  const { customer_id, device_id: alone = '' } = await use(left);
  const { device_id: used = '' } = await use(shared, { customer_id });
  const other = await use(shared);
  const observed_at = new Date().toISOString();
  for (const device_id of [alone, used])
    await updateDeviceTrustScore(graph, testHeader(), { device_id, trust_score: 0.8, observed_at });
  await runCypher(graph, 'MATCH (:Customer {id: $customer_id})-[l:LOGGED_IN_FROM]->() DELETE l', {
    customer_id,
  });
  expect(await placesOf(customer_id)).toContain('PersonaEvent');
  excludeFromVerification(graph, alone);
  await erase(customer_id);
  expect(await placesOf(customer_id)).toEqual([]);
  expect(await placesOf(alone)).toEqual([]);
  expect(await getDevices(graph, other)).toMatchObject([{ device_id: used, trust_score: 0.8 }]);
  expect(await verifyStreams(graph, [{ kind: 'device', id: used }])).toEqual([]);
});

test('an interrupted erasure goes on after any of its transactions', async () => {
  const { customer_id, methods } = await customerWithCards(graph, policy, { cards: 2 });
  const failure = failureOf({ customer_id, methods });
  const { payment_id } = failure;
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  await closeRecovery(graph, testHeader(), { payment_id, outcome: 'cancelled', rule: 'cancelled' });
  const devices = await getDevices(graph, { customer_id });
  excludeFromVerification(graph, ...devices.map((one) => one.device_id));
  expect(await eraseInterrupted(customer_id)).toBeGreaterThan(5);
  expect(await placesOf(customer_id)).toEqual([]);
  const owner = await ownerOf(payment_id);
  expect(await verifyStreams(graph, [{ kind: 'customer', id: owner }])).toEqual([]);
});

test('customers who were reported with the same payment by mistake are both erased', async () => {
  const occurred_at = new Date(Date.now() - 40 * 86_400_000).toISOString();
  const payment_id = `twice-${randomUUID()}`;
  for (let n = 0; n < 2; n += 1) {
    const wallet = await customerWithCards(graph, policy, { cards: 1 });
    // Too old to open a recovery: what it says of the card is recorded.
    const failure = failureOf(wallet, { payment_id, occurred_at, decline_code: 'pickup_card' });
    await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
    const devices = await getDevices(graph, wallet);
    excludeFromVerification(graph, ...devices.map(({ device_id }) => device_id));
    await erase(wallet.customer_id);
  }
  const left = await graph.read<{ customer_id: string; n: number }>(
    'MATCH (a:ChargeAttempt {payment_id: $payment_id}) RETURN a.customer_id AS customer_id, a.n AS n ORDER BY n',
    { payment_id },
  );
  expect(left.map(({ n }) => n)).toEqual([1, 2]);
  const streams = left.map(({ customer_id: id }) => ({ kind: 'customer' as const, id }));
  expect(new Set(streams.map(({ id }) => id)).size).toBe(2);
  expect(await verifyStreams(graph, streams)).toEqual([]);
});

test('a graph restored from a backup hides again every customer in the journal, before any read', async () => {
  const journal = newJournal();
  const restored = await restoredGraph();
  const [kept, back, takenBack] = await Promise.all(
    [1, 2, 3].map(async () => (await createCustomer(restored, testHeader(), {})).customer_id),
  );
  const entry = (customer_id: string | undefined) => ({
    erasure_id: randomUUID(),
    hash: restored.erasedIds?.hash('erased', customer_id ?? '') ?? expect.fail(),
    at: new Date().toISOString(),
  });
  const goneId = randomUUID();
  const [entryOfBack, entryOfTakenBack, gone] = [entry(back), entry(takenBack), entry(goneId)];
  const cancellation = { ...entryOfTakenBack, cancelled: true as const };
  // The last one is of a request that was on its way.
  for (const one of [entryOfBack, entryOfTakenBack, cancellation, gone, entryOfTakenBack])
    await journal.append(one);

  const executions = async function* () {
    yield kept ?? '';
  };
  expect(await verifyErasures(restored, journal, executions)).toMatchObject({
    unapplied: expect.arrayContaining([entryOfBack.erasure_id]),
  });
  expect(await applyJournal(restored, journal)).toEqual({ hidden: 1, unreadable: 0 });
  await expect(getCustomerProfile(restored, { customer_id: back ?? '' })).rejects.toMatchObject(UNKNOWN);
  for (const customer_id of [kept ?? '', takenBack ?? ''])
    expect(await getCustomerProfile(restored, { customer_id })).toMatchObject({ status: 'active' });
  expect(await readErasureSubject(restored, entryOfBack.erasure_id)).toMatchObject({
    ...{
      state: 'running',
      customer_id: back,
      done_at: { recorded: expect.anything(), hidden: expect.anything() },
    },
  });
  expect(await applyJournal(restored, journal)).toEqual({ hidden: 0, unreadable: 0 });
  expect(await verifyErasures(restored, journal, executions)).toMatchObject({
    ...{ erasures: 2, running: 1, found: [], unapplied: [] },
  });
  // Of a customer who is gone an execution and the data key are left.
  const key = { customer_id: goneId };
  onTestFinished(async () => {
    await runCypher(restored, 'MATCH (k:CustomerKey {customer_id: $customer_id}) DELETE k', key);
  });
  await runCypher(restored, 'CREATE (:CustomerKey {customer_id: $customer_id})', key);
  const left = async function* () {
    yield goneId;
  };
  expect(await verifyErasures(restored, journal, left)).toMatchObject({
    found: ['CustomerKey', 'Temporal'].map((where) => ({ erasure_id: gone.erasure_id, where })),
  });
});

test('a graph restored to before an erasure was taken back takes it back again, and knows a later one', async () => {
  const journal = newJournal();
  const restored = await restoredGraph();
  const requested = async () => {
    const { customer_id } = await createCustomer(restored, testHeader(), {});
    const erasure_id = await hidden(customer_id, restored);
    const { hash, requested_at: at } = await readErasureSubject(restored, erasure_id);
    return { customer_id, entry: { erasure_id, hash, at } };
  };
  const [kept, askedAgain, open] = [await requested(), await requested(), await requested()];
  for (const { entry } of [kept, askedAgain, open]) await journal.append(entry);
  for (const { entry } of [kept, askedAgain]) await journal.append({ ...entry, cancelled: true });
  const second = { ...askedAgain.entry, erasure_id: randomUUID() };
  await journal.append(second);

  // Two processes start at once.
  await Promise.all([applyJournal(restored, journal), applyJournal(restored, journal)]);
  expect(await getCustomerProfile(restored, kept)).toMatchObject({ status: 'active' });
  for (const { entry } of [kept, askedAgain])
    expect(await getErasure(restored, entry.erasure_id)).toMatchObject({ state: 'cancelled' });
  for (const { customer_id, entry } of [open, { ...askedAgain, entry: second }]) {
    await expect(getCustomerProfile(restored, { customer_id })).rejects.toMatchObject(UNKNOWN);
    const { erasure_id } = entry;
    expect(await readErasureSubject(restored, erasure_id)).toMatchObject({ state: 'running', customer_id });
    await takeBackErasure(restored, { erasure_id, by });
  }
});

/** As after a restore: nothing of a journal was applied to it. As before after the test. */
async function restoredGraph(): Promise<typeof graph> {
  const restored = await openTestGraph();
  onTestFinished(() => restored.close());
  const start = (await journalOf(restored)) ?? null;
  onTestFinished(async () => {
    await runCypher(restored, "MATCH (j:ErasureJournal {id: 'journal'}) SET j.position = $start", { start });
  });
  await runCypher(restored, "MATCH (j:ErasureJournal {id: 'journal'}) REMOVE j.position");
  return restored;
}

/** Removed after the test. */
function newJournal() {
  const folder = mkdtempSync(join(tmpdir(), 'persona-journal-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return openJournalFile(join(folder, 'journal'));
}

async function journalOf(of: typeof graph): Promise<string | undefined> {
  const [row] = await of.read<{ position: string | null }>(
    "MATCH (j:ErasureJournal {id: 'journal'}) RETURN j.position AS position",
  );
  return row?.position ?? undefined;
}

test('what an erasure is deleting is no difference from the log', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  excludeFromVerification(graph, customer_id);
  const erasure_id = await hidden(customer_id);
  const killed = () => {
    throw new Error('killed');
  };
  await expect(forgetCustomer(graph, { erasure_id, customer_id }, killed)).rejects.toThrow('killed');
  const found: string[] = [];
  await verifyAll(graph, { onDifference: ({ where }) => found.push(where) });
  expect(found.filter((where) => where.includes(customer_id))).toEqual([]);
  await forgetCustomer(graph, { erasure_id, customer_id }, () => {});
});
