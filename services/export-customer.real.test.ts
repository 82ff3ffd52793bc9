/** An export has everything that the graph holds of a person, but what is named here with the reason. */

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { exportJsonSchema } from '../api/http/schemas/export.ts';
import { PersonaError } from '../domain/errors.ts';
import type { OnboardingRequest } from '../domain/onboarding/types.ts';
import { attemptKey } from '../domain/workflow-contracts.ts';
import { announceErasure, forgetCustomer, hideCustomer, requestErasure } from '../graph/erasure/index.ts';
import {
  addAddress,
  addRelationship,
  annotateEvent,
  applyFraudOutcome,
  contestEvent,
  createCustomer,
  getCustomerProfile,
  getEventDetails,
  getTimeline,
  type Graph,
  onboard,
  recordDisclosures,
  recordDispute,
  requestMethodUpdate,
  setCustomerStatus,
  verifyDigitalIdentifier,
} from '../graph/index.ts';
import { claimAttempt, finishNotice, openRecovery, storeReport } from '../graph/recovery/index.ts';
import { createCustomerHistory, type CustomerHistory } from '../graph/replay/history-fixtures.ts';
import { recordMismatch, recordWalletMismatch } from '../graph/reconciliation/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { fraudReport } from '../test/fraud-fixtures.ts';
import {
  excludeFromVerification,
  onboardingRequest,
  randomEmail,
  randomToken,
  runCypher,
  testGraph,
  testHeader,
} from '../test/test-graph.ts';
import { failureOf } from '../test/wallet-fixtures.ts';
import { exportCustomer, MAX_EXPORT_MS } from './export-customer.ts';
import { getTimelineEvent } from './timeline.ts';

const policy = readPolicy();
const graph = await testGraph();
const { signal } = new AbortController();
const DAY = 86_400_000;

type Entry = Record<string, unknown>;
type Lists = Record<
  | 'identifiers'
  | 'addresses'
  | 'behavioral_profiles'
  | 'devices'
  | 'payment_methods'
  | 'other_attempts'
  | 'notices'
  | 'suggestions'
  | 'notes'
  | 'contests'
  | 'disclosures'
  | 'events',
  Entry[]
>;
type Obligation = Entry & Record<'attempts' | 'overpayments' | 'refunds', Entry[]>;
type Document = Lists & { customer_id: string; version: number; profile: Entry; obligations: Obligation[] };

async function exportText(customer_id: string): Promise<string> {
  const { parts } = await exportCustomer({ graph }, { signal }, { customer_id });
  return (await partsOf(parts)).join('');
}
const partsOf = (parts: AsyncIterable<string>) => Readable.from(parts).toArray();
const seqsOf = async (customer_id: string, type: string) => {
  const events = await getEventDetails(graph, { customer_id, after: 0, limit: 1_000 });
  return events.filter((event) => event.type === type).map(({ seq }) => seq);
};
const exportOf = async (customer_id: string) => JSON.parse(await exportText(customer_id)) as Document;

let history: CustomerHistory;
let text: string;
let document: Document;
const case_id = `case-${randomUUID()}`;

/** A history with every type of event, and what it lacks: one of everything that the graph can hold of a person. */
beforeAll(async () => {
  history = await createCustomerHistory(graph, policy);
  const { customer_id, methods, device_id } = history;
  const own = { customer_id, by: 'service' as const };
  const place = {
    street1: 'Opernring 1',
    city: 'Graz',
    state: 'Steiermark',
    zip_code: '8010',
    country: 'AT',
  };
  await addAddress(graph, testHeader(), { ...own, address: { ...place, type: 'billing' } });
  const change = { expiry_month: 5, expiry_year: 2040, off_session_consent: true };
  await requestMethodUpdate(graph, testHeader(), { ...own, payment_method_id: methods[0], change });
  const failure = failureOf(
    { customer_id, methods },
    { occurred_at: new Date(Date.now() - 40 * DAY).toISOString() },
  );
  await openRecovery(graph, testHeader(), { failure, policy, now: Date.now(), claim_first: false });
  const suspicion = { customer_id, case_id, device_id, payment_method_id: methods[1] };
  await applyFraudOutcome(graph, testHeader(), fraudReport({ ...suspicion, outcome: 'confirmed_fraud' }));
  const notice = { notification_id: `fraud:${case_id}:account_suspended:1`, template: 'account_suspended' };
  await finishNotice(graph, testHeader(), { ...notice, customer_id, case_id, channel: 'email' });
  const disclosed = { recipient: 'oracle', purpose: 'analytics', categories: ['history'] } as const;
  await recordDisclosures(graph, [{ customer_id, day: '2026-11-24', ...disclosed }]);
  await setCustomerStatus(graph, testHeader(), { customer_id, status: 'active', reason: 'test' });
  const blocked = failureOf({ customer_id, methods });
  const attempt = { payment_id: blocked.payment_id, payment_method_id: methods[0], n: 1 };
  await openRecovery(graph, testHeader(), { failure: blocked, policy, now: Date.now(), claim_first: false });
  const key = attemptKey(attempt.payment_id, attempt.payment_method_id, attempt.n);
  await claimAttempt(graph, testHeader(), { ...attempt, key, policy, now: Date.now() });
  const dispute = { dispute_ref: 'du_2', reason: 'fraudulent', state: 'open' } as const;
  const holder = { customer_id, payment_method_id: methods[0], charged: true };
  await recordDispute(graph, testHeader(), { holder, dispute });
  const stolen = failureOf({ customer_id, methods }, { decline_code: 'stolen_card' });
  await openRecovery(graph, testHeader(), { failure: stolen, policy, now: Date.now(), claim_first: false });
  await recordMismatch(graph, testHeader(), {
    ...{ customer_id, payment_method_id: methods[2], mismatch: 'other_number' },
  });
  await recordWalletMismatch(graph, testHeader(), { customer_id, mismatch: 'unknown_here' });
  const match = { source_id: customer_id, target_id: history.stranger_id, type: 'POSSIBLY_SAME_AS' } as const;
  await addRelationship(graph, testHeader(), match);
  const event_id = randomUUID();
  const message = { event_id, payment_id: history.open, gateway_ref: 'pi_1', result: 'approved' } as const;
  await storeReport(graph, testHeader(), { kind: 'charge_result', message }, customer_id);
  text = await exportText(customer_id);
  document = JSON.parse(text) as Document;
});

test('a page that Neo4j does not answer at first is read again, so that the document is complete', async () => {
  const { customer_id } = history;
  let reads = 0;
  const failing: Graph = {
    ...graph,
    // Each but the first, once: it is read before anything is sent.
    read(cypher, parameters) {
      reads += 1;
      if (reads % 2 === 0)
        return Promise.reject(new PersonaError('graph_unavailable', 'Neo4j took too long'));
      return graph.read(cypher, parameters);
    },
  };
  const { parts } = await exportCustomer({ graph: failing }, { signal }, { customer_id });
  const again = JSON.parse((await partsOf(parts)).join('')) as Document;
  expect(reads).toBeGreaterThan(20);
  expect({ ...again, exported_at: 0 }).toEqual({ ...document, exported_at: 0 });
});

test('the document is valid by the published schema, which knows every field', () => {
  const validator = new Ajv2020({ allErrors: true });
  formats.default(validator);
  const validate = validator.compile(exportJsonSchema);
  expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ ...document, profile: { ...document.profile, token: 'x' } })).toBe(false);
});

/** A property of a label, of an edge's type, or of an event's data, by pattern; and why it is never given out. */
const NEVER: Readonly<Record<string, readonly RegExp[]>> = {
  'it is the id with which the document begins': [/\.customer_id$/, /\.stream_id$/, /^Note\.note_id$/],
  'the number of an event: what happened is in the events': [/\.(changed|status|first|opened)_seq$/],
  'it charges a card, or recognises a card, a device, a person or a place wherever it turns up': [
    /\.token$/,
    /_hash$/,
    /fingerprint$/,
  ],
  'a thief would learn from it what is known of the card, and others what to say': [
    /\.(class|rule|code)$/,
    /^(?!Contest\.|event EventContested\.).*\.(reason|failure|refund_failure)$/,
  ],
  'it names or shows a suspicion': [
    /^FraudCase\./,
    /^Obligation\.fraud_known$/,
    /\.card_dead$/,
    /^HAS_PAYMENT_METHOD\.(disputed|disputes)$/,
    /\.gateway_mismatch$/,
    /of a case\.(case|notification)_id$/,
    /of a suspicion\.(property|value)$/,
    /^masked event\.(source|actor|data)$/,
    /^data of a masked event\./,
  ],
  "it is another person's, too": [
    /^POSSIBLY_SAME_AS\.(score|evidence)$/,
    /^Device\.(?!id$)/,
    /^event of a device or another customer\./,
  ],
  'work that is due: what was done is in notices, refunds and events': [
    /^Obligation\.(notices_due|refunds_due|refund_at|refunds_failed)$/,
    /^Overpayment\.(refund_tries|refund_failing_since|next_refund_at)$/,
    /^PaymentMethod\.(expiry_noticed|notice_due)$/,
    /^Contest\.notice_(due|at)$/,
    /^BLOCKED_BY\./,
    /^AcceptedReport\./,
  ],
  'how Persona works, and nothing about the person': [
    /\.uncontested_proven$/,
    /^CommandReceipt\./,
    /^CustomerKey\./,
    /^(PersonaEvent|masked event)\.(id|stream|schema_version|correlation_id)$/,
  ],
};

/** What the graph holds of the person, whatever it is: nodes that name the customer, and those at their edges. */
const HELD = `
  MATCH (c:Customer {id: $id})
  CALL (c) {
    RETURN c AS n
    UNION MATCH path = (c)-[*1..2]->(n)
      WHERE none(r IN relationships(path) WHERE type(r) = 'POSSIBLY_SAME_AS') RETURN n
    UNION MATCH (n) WHERE any(key IN keys(n) WHERE toStringOrNull(n[key]) CONTAINS $id) RETURN n
  }
  RETURN [label IN labels(n) WHERE label <> 'Unpublished'][0] AS label, properties(n) AS properties`;
const EDGES = `
  MATCH (c:Customer {id: $id})-[r]-(m) RETURN type(r) AS label, properties(r) AS properties, m.id AS id
  UNION MATCH (:Customer {id: $id})-[:HAS_PAYMENT_METHOD|OWES]->(n)-[r]->(m)
  RETURN type(r) AS label, properties(r) AS properties, coalesce(n.id, '') + ' ' + m.id AS id`;

interface Held {
  label: string;
  properties: Entry;
  /** Of an edge: the node at its end; of a method's use also the method. */
  id?: string;
}

const byId = (list: Entry[], id: unknown, field = 'id') => list.find((entry) => entry[field] === id);

/** Of payment methods on devices, as the devices' ids too. */
const usesOf = ({ payment_methods }: Document) =>
  payment_methods.flatMap(({ id, used_on }) =>
    (used_on as Entry[]).map((use) => ({ ...use, id: use.device_id, payment_method_id: id })),
  );

/** Where the export has a node or an edge, under the names of the graph. */
function shownOf({ label, properties, id = '' }: Held): Entry | undefined {
  const { profile, obligations } = document;
  switch (label) {
    case 'Customer':
      return { ...profile, id: document.customer_id, version: document.version };
    case 'DigitalIdentifier':
      return byId(document.identifiers, properties.id);
    case 'Address':
      return byId(document.addresses, properties.id);
    case 'BehavioralProfile':
      return byId(document.behavioral_profiles, properties.id);
    case 'Device':
      return byId(document.devices, properties.id) ?? byId(usesOf(document), properties.id);
    case 'PaymentMethod':
      return byId(document.payment_methods, properties.id);
    case 'Obligation':
      return byId(obligations, properties.payment_id, 'payment_id');
    case 'ChargeAttempt':
      return byId(
        [...obligations.flatMap((one) => one.attempts), ...document.other_attempts],
        properties.key,
        'key',
      );
    case 'Overpayment':
      return byId(
        obligations.flatMap((one) => one.overpayments),
        properties.id,
      );
    case 'Refund':
      return byId(
        obligations.flatMap((one) => one.refunds),
        properties.id,
      );
    case 'Notice':
      return byId(document.notices, properties.notification_id, 'notification_id');
    case 'Notice of a case':
      return byId(document.notices, properties.ended_at, 'ended_at');
    case 'Note': {
      const shown = byId(document.notes, properties.noted_at, 'noted_at');
      return { ...shown, about_seq: shown?.seq };
    }
    case 'Contest':
      return byId(document.contests, properties.contest_id, 'contest_id');
    case 'Disclosure': {
      const shown = byId(document.disclosures, properties.recipient, 'recipient');
      return { ...shown, day: shown?.last_day };
    }
    case 'PersonaEvent':
    case 'masked event':
      return byId(document.events, properties.seq, 'seq');
    case 'HAS_DIGITAL_IDENTIFIER':
      return byId(document.identifiers, id);
    case 'SHIPPED_TO':
      return byId(document.addresses, id);
    case 'LOGGED_IN_FROM':
      return byId(document.devices, id);
    case 'HAS_PAYMENT_METHOD':
      return byId(document.payment_methods, id);
    case 'USED_ON': {
      const [method, device] = id.split(' ');
      return usesOf(document).find((use) => use.payment_method_id === method && use.id === device);
    }
    case 'POSSIBLY_SAME_AS':
      return byId(document.suggestions, properties.suggested_at, 'suggested_at');
    default:
      return undefined;
  }
}

/** Opened, or in other words. */
const IN_OTHER_WORDS =
  /^PaymentMethod\.status$|^(PersonaEvent|masked event)\.(source|actor|data|type)$|^event .*\.(old_status|new_status|place)$/;

function isGiven(name: string, value: unknown, shown: unknown): boolean {
  if (shown === undefined || shown === null) return false;
  if (typeof value === 'string' && value.startsWith('s1:')) {
    expect(shown, name).not.toMatch(/^s1:/);
    return true;
  }
  if (!IN_OTHER_WORDS.test(name)) expect(shown, name).toEqual(value);
  return true;
}

/** The data of an event, as if it were a node. */
function dataOf({ label, properties: { type, data } }: Held): Held {
  const properties = JSON.parse(data as string) as Entry;
  if (label === 'masked event') return { label: 'data of a masked event', properties };
  const isSuspicion = /^(fraud_known|gateway_mismatch)$/.test(String(properties.property));
  const kind = properties.case_id === undefined ? '' : ' of a case';
  return { label: `event ${String(type)}${isSuspicion ? ' of a suspicion' : kind}`, properties };
}

/** Nodes that are shown in another way than others of their label have a label of their own. */
function labelOf({ label, properties }: Held, id: string): string {
  if (label === 'Notice' && properties.case_id !== undefined) return 'Notice of a case';
  if (label !== 'PersonaEvent') return label;
  if (properties.stream_id !== id) return 'event of a device or another customer';
  return byId(document.events, properties.seq, 'seq')?.type === 'Masked' ? 'masked event' : label;
}

test('every property of every node, edge and event of the person is given out, or is named with the reason', async () => {
  const id = history.customer_id;
  const nodes = await graph.read<Held>(HELD, { id });
  const held = nodes.map((one) => ({ ...one, label: labelOf(one, id) }));
  const given = new Set<string>();
  const missing = new Map<string, unknown>();
  const note = (name: string, value: unknown, shown: unknown) => {
    if (isGiven(name, value, shown)) given.add(name);
    else missing.set(name, value);
  };
  for (const one of [...held, ...(await graph.read<Held>(EDGES, { id }))]) {
    const shown = shownOf(one);
    for (const [property, value] of Object.entries(one.properties))
      note(`${one.label}.${property}`, value, shown?.[property]);
    if (!/^(PersonaEvent|masked event)$/.test(one.label)) continue;
    const data = dataOf(one);
    for (const [field, value] of Object.entries(data.properties))
      if (value !== null) note(`${data.label}.${field}`, value, (shown?.data as Entry | null)?.[field]);
  }
  const reasons = Object.values(NEVER).flat();
  const names = [...missing.keys()].sort();
  expect(names.filter((name) => !reasons.some((pattern) => pattern.test(name)))).toEqual([]);
  expect(reasons.filter((pattern) => !names.some((name) => pattern.test(name)))).toEqual([]);
  expect([...given].filter((name) => reasons.some((pattern) => pattern.test(name)))).toEqual([]);
});

test('nothing of other people, no token or fingerprint, and no suspicion is in it', async () => {
  const customers = await graph.read<{ id: string }>(
    'MATCH (c:Customer) WHERE c.id <> $id RETURN c.id AS id',
    {
      id: history.customer_id,
    },
  );
  const named = customers.filter(({ id }) => text.includes(id));
  expect(named).toEqual([]);
  expect(text).not.toMatch(
    /s1:|fraud|chimera|stolen|suspic|compromised|insufficient|pm_|tok_|2001:db8|Firefox/i,
  );
  expect(text).not.toContain(case_id);
  const cards = await graph.read<{ card: string }>(
    'MATCH (:Customer {id: $id})-[:HAS_PAYMENT_METHOD]->(p) WHERE p.instrument_fingerprint IS NOT NULL RETURN p.instrument_fingerprint AS card',
    { id: history.customer_id },
  );
  expect(cards.length).toBeGreaterThan(0);
  for (const { card } of cards) expect(text).not.toContain(card);
});

test('what a stranger may have given under the person’s e-mail address is not shown before the address is proven', async () => {
  const digital_identifiers = [{ type: 'email' as const, value: randomEmail(), is_verified: false }];
  const order = (changes: Partial<OnboardingRequest>) =>
    onboard(graph, testHeader(), { request: onboardingRequest({ digital_identifiers, ...changes }), policy });
  const { customer_id } = await order({});
  const address = { street1: 'Strange Street 7', city: 'Faro', zip_code: '8000-123', country: 'PT' };
  const stranger = await order({
    payment_method_details: { type: 'card', token: randomToken(), brand: 'amex', last_four: '8431' },
    address_details: { type: 'shipping', ...address },
  });
  expect(stranger).toMatchObject({ customer_id, match: { proven: false } });
  const { payment_method_id: id = expect.fail() } = stranger;
  const shown = async () => [
    await exportText(customer_id),
    JSON.stringify(await getTimeline(graph, { customer_id, limit: 100 })),
  ];
  const details = /8431|amex|Strange|Faro|8000-123/i;
  for (const text of await shown()) expect(text).not.toMatch(details);
  const hidden = await exportOf(customer_id);
  expect(hidden.payment_methods).toMatchObject([{ id, type: 'card', proven: false }]);
  expect(hidden.addresses).toMatchObject([{ type: 'shipping', proven: false }]);

  const [{ identifier_id } = expect.fail()] = (await getCustomerProfile(graph, { customer_id })).identifiers;
  await verifyDigitalIdentifier(graph, testHeader(), { customer_id, identifier_id, by: 'service' });
  const { payment_methods, addresses } = await exportOf(customer_id);
  expect(payment_methods).toMatchObject([{ id, last_four: '8431', proven: true }]);
  expect(addresses).toMatchObject([{ ...address, proven: true }]);
  for (const text of await shown()) expect(text).toMatch(/ending in 8431 was added/);

  // A person sees what they contest.
  const event = { customer_id, seq: (await seqsOf(customer_id, 'PaymentMethodAdded'))[0] ?? expect.fail() };
  await contestEvent(graph, testHeader(), { ...event, reason: 'It is not mine.' });
  for (const text of await shown()) expect(text).toMatch(/ending in 8431 was added/);
});

test('obligations say in words how they stand, and each event is that of the timeline', async () => {
  const { customer_id, paid } = history;
  const obligation = byId(document.obligations, paid, 'payment_id') as Obligation;
  expect(obligation).toMatchObject({
    description: 'March',
    reason_text: expect.stringMatching(/^.+ The payment went through with another attempt\.$/),
  });
  expect(obligation.attempts).toContainEqual(
    expect.objectContaining({
      source: 'reported',
      reason_text: 'The bank did not approve the payment this time.',
    }),
  );
  expect(document.notes).toEqual([{ seq: 1, text: 'that was my sister', noted_at: expect.any(String) }]);
  expect(document.events).toHaveLength(document.version);
  for (const seq of [1, document.version])
    expect(document.events[seq - 1]).toEqual(await getTimelineEvent({ graph }, { customer_id, seq }));
  expect(document.events).toEqual(
    await getEventDetails(graph, { customer_id, after: 0, limit: document.version }),
  );
});

test('whatever the state shows, the events that follow it say, while others write', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  let exported = false;
  const writing = Array.from({ length: 4 }, async () => {
    while (!exported) await annotateEvent(graph, testHeader(), { customer_id, seq: 1, text: 'again' });
  });
  const documents: Document[] = [];
  for (let n = 0; n < 10; n += 1) documents.push(await exportOf(customer_id));
  exported = true;
  await Promise.all(writing);
  for (const { version, notes, events } of documents) {
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: version }, (_, n) => n + 1));
    expect(notes.length).toBeLessThanOrEqual(events.filter(({ type }) => type === 'EventAnnotated').length);
  }
  expect(documents.at(-1)?.notes.length).toBeGreaterThan(0);
});

test('lists of several pages are complete', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  excludeFromVerification(graph, customer_id);
  const count = { obligations: 250, notices: 1_000 };
  await runCypher(
    graph,
    `MATCH (c:Customer {id: $customer_id})
     FOREACH (n IN range(1, $count.obligations) | CREATE (c)-[:OWES]->(:Obligation {
       payment_id: 'paged-' + randomUUID(), customer_id: $customer_id, state: 'recovered', rule: 'approved', opened_at: datetime()
     }))
     FOREACH (n IN range(1, $count.notices) | CREATE (:Notice {
       notification_id: randomUUID(), customer_id: $customer_id, template: 'reminder', state: 'sent', ended_at: datetime()
     }))`,
    { customer_id, count },
  );
  const { obligations, notices } = await exportOf(customer_id);
  expect(new Set(obligations.map((one) => one.payment_id)).size).toBe(count.obligations);
  expect(new Set(notices.map((one) => one.notification_id)).size).toBe(count.notices);
  expect([obligations.length, notices.length]).toEqual([count.obligations, count.notices]);
});

test('an unknown, a hidden and an erased customer are unknown; one who is hidden meanwhile leaves no whole document', async () => {
  const { customer_id } = await createCustomer(graph, testHeader(), {});
  const { parts } = await exportCustomer({ graph }, { signal }, { customer_id });
  const begun = [await parts.next(), await parts.next()];
  const { erasure_id } = await requestErasure(graph, { customer_id });
  const by = { actor: 'test', correlationId: 'test' };
  await hideCustomer(graph, { erasure_id, customer_id, by });
  const notFound = { type: 'customer_not_found' };
  await expect(partsOf(parts)).rejects.toMatchObject(notFound);
  expect(begun.map(({ done }) => done)).toEqual([false, false]);
  await expect(exportText(customer_id)).rejects.toMatchObject(notFound);
  await announceErasure(graph, { erasure_id, customer_id });
  await forgetCustomer(graph, { erasure_id, customer_id }, () => {});
  await expect(exportText(customer_id)).rejects.toMatchObject(notFound);
  await expect(exportText(randomUUID())).rejects.toMatchObject(notFound);
});

test('no part is read after a quarter of an hour', async () => {
  const { parts } = await exportCustomer({ graph }, { signal }, { customer_id: history.customer_id });
  await parts.next();
  const late = performance.now() + MAX_EXPORT_MS + 1;
  const clock = vi.spyOn(performance, 'now').mockReturnValue(late);
  onTestFinished(() => clock.mockRestore());
  await expect(partsOf(parts)).rejects.toMatchObject({ type: 'deadline_exceeded' });
});

test('no part is read for a caller who has gone', async () => {
  const caller = new AbortController();
  const { parts } = await exportCustomer({ graph }, caller, { customer_id: history.customer_id });
  await parts.next();
  caller.abort();
  await expect(partsOf(parts)).rejects.toMatchObject({ type: 'deadline_exceeded' });
});
