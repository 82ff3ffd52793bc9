/**
 * Personal data and secrets are found nowhere but where they belong: each field and each secret is a random mark, every
 * flow runs with real processes, and everything that these have written or sent is searched for the marks.
 */

import { randomUUID } from 'node:crypto';
import { globSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Agents, connectAgents } from '../../dev/demo/agents.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { createMarkedClient, type MarkedClient } from '../marks/client.ts';
import { PERSONAL } from '../marks/fields.ts';
import { changeAddresses, changeProfile, changeWallet } from '../marks/flows/customer.ts';
import { loseNeo4j, requestWrongly } from '../marks/flows/errors.ts';
import {
  onboardCompletely,
  onboardKnown,
  onboardOverGrpc,
  onboardWrongly,
} from '../marks/flows/onboarding.ts';
import { createCommands, importFile, operate } from '../marks/flows/operations.ts';
import { changePersonas } from '../marks/flows/catalogue.ts';
import { eraseCompletely, prepareErasure, type ToErase } from '../marks/flows/erasure.ts';
import * as payments from '../marks/flows/payments.ts';
import { LIMIT, newCustomer, type Stage } from '../marks/flows/stage.ts';
import { InboundTopic } from '../../domain/inbound/topics.ts';
import { WorkflowName } from '../../domain/workflow-contracts.ts';
import { writeRecords } from '../kafka-fixture.ts';
import { Marks, PSEUDONYM, randomCore } from '../marks/marks.ts';
import * as places from '../marks/places.ts';
import { createSearch, type Finding } from '../marks/search.ts';
import { openWithAll, readDataKeys, ringKeyOf } from '../marks/sealed.ts';
import { addDataKeys, addPseudonyms, addSecrets, purposeOf } from '../marks/secrets.ts';
import { type MarkedSystem, startMarkedSystem } from '../marks/system.ts';

let guard: Guard;
let system: MarkedSystem;
let agents: Agents;
let client: MarkedClient;
/** Calls the second API process. */
let second: MarkedClient;
let temporal: Connection;
const marks = new Marks();
/** Of those who are erased. */
const erasedMarks = new Marks();
let toErase: ToErase;
/** Known to be in the places that are searched. */
const controls = {
  correlation: randomCore(),
  transaction: '',
  payment: '',
  short: `+49151${Date.now().toString().slice(-8)}`,
};
let commands: ReturnType<typeof createCommands>;
/** For the marks of all. */
let search: (haystack: Buffer) => Finding[];
/** For those of the erased alone, in whichever encoding. */
let searchErased: (haystack: Buffer) => Finding[];

beforeAll(async () => {
  guard = startGuard();
  system = await startMarkedSystem(guard);
  const { addresses } = system.persona;
  agents = await connectAgents(addresses);
  temporal = await Connection.connect({ address: addresses.temporal });
  client = createMarkedClient(addresses, {
    'x-correlation-id': controls.correlation,
    'x-request-id': controls.correlation,
    'user-agent': marks.drawForeign("the caller's own user agent"),
    cookie: marks.drawForeign('a cookie'),
    'x-forwarded-for': marks.draw('OnboardingRequest.device_details.ip'),
  });
  const { grpc = '' } = system.persona.programs.get('api-2')?.ready ?? {};
  second = createMarkedClient({ ...addresses, grpc }, {});
  commands = createCommands({ system });
});
afterAll(async () => {
  await Promise.all([agents?.close(), temporal?.close(), system?.close()]);
  await guard.stop();
});
/** Waits for all of them, so that one that fails does not end the others. @returns why some failed */
async function settled(flows: readonly Promise<unknown>[]): Promise<unknown[]> {
  const results = await Promise.allSettled(flows);
  return results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
}

async function driveEveryFlow(stage: Stage): Promise<unknown[]> {
  const { run } = commands;
  // Alone, because the first of everything takes longest.
  await newCustomer(stage, [{}]);
  const thisMonth = new Date();
  const expiry = { exp_month: thisMonth.getUTCMonth() + 1, exp_year: thisMonth.getUTCFullYear() };
  const [complete, waiting, payment, expiring] = await Promise.all([
    onboardCompletely(stage),
    payments.waitForCustomer(stage, agents),
    payments.signalFailure(stage, agents),
    newCustomer(stage, [{ expiry }, {}]),
  ]);
  Object.assign(controls, { transaction: complete.transaction_id, payment });
  const failures = await settled([
    onboardOverGrpc(stage),
    onboardWrongly(stage),
    onboardKnown(stage, complete).then(() => changeProfile(stage, complete)),
    changeAddresses(stage, complete),
    changeWallet(stage, complete),
    payments.recoverByCascade(stage, agents),
    payments.stopForHardDeclines(stage, agents),
    payments.suspendForFraud(stage, agents),
    payments.sendWebhooks(stage),
    requestWrongly(stage, complete),
    changePersonas(stage),
    importFile(stage, run).then(() => operate(stage, run, waiting)),
    prepareErasure({ ...stage, marks: erasedMarks, others: marks }, agents).then((prepared) => {
      toErase = prepared;
    }),
  ]);
  failures.push(...(await settled([loseNeo4j(stage, complete), writeWrongly(complete.id)])));
  await keepPlace('worker');
  await system.sendBySmtp();
  failures.push(...(await settled([notifyBySmtp(stage, expiring.id)])));
  return failures;
}

/** Records of other agents that cannot be processed: what they say is kept, encrypted. */
async function writeWrongly(customer_id: string): Promise<void> {
  const secret = () => marks.drawForeign('a record that cannot be processed');
  await writeRecords(system.persona.env.KAFKA_BROKERS?.split(',') ?? [], [
    { topic: InboundTopic.analyticsFeedback, key: customer_id, value: Buffer.from(secret()) },
    {
      topic: InboundTopic.fraudOutcome,
      value: {
        ...{ event_id: randomUUID(), case_id: randomUUID(), outcome: 'suspected', customer_id: randomUUID() },
        ...{ reason: secret(), occurred_at: new Date().toISOString() },
      },
      headers: { note: secret() },
    },
  ]);
  const log = () => readFileSync(system.logs().consumer ?? '', 'utf8').match(/"dead_letter"/g)?.length;
  await expect.poll(log, LIMIT).toBe(2);
}

/** One notice that the mail server refuses for now, and one of a card that expires. */
async function notifyBySmtp(stage: Stage, customerId: string): Promise<void> {
  await inboxMode('error');
  await payments.signalFailure(stage, agents);
  const log = () => readFileSync(system.logs()['worker-smtp'] ?? '', 'utf8');
  await expect.poll(log, LIMIT).toContain('NOTIFY_SMTP_URL');
  await inboxMode('ok');
  await commands.run(['expiry', 'run']);
  const received = async () => (await payments.messagesOf(stage, customerId)).map(({ via }) => via);
  await expect.poll(received, LIMIT).toContain('smtp');
}

const keptMetrics: places.Place[] = [];
/** Before the process ends. */
async function keepPlace(name: string): Promise<void> {
  keptMetrics.push(await places.metricsPlace(system, name, 'persona_'));
}

const inboxMode = (mode: string) =>
  fetch(`${system.persona.addresses.inbox}/_sim/mode`, { method: 'POST', body: mode });

/**
 * @param options.belongs whether what is found may be there; default: nothing
 * @param options.find default: the marks of all
 */
function expectClean(
  place: places.Place,
  {
    belongs = () => false,
    find = search,
  }: { belongs?: (name: string) => boolean; find?: (haystack: Buffer) => Finding[] } = {},
): void {
  const control = createSearch([{ name: 'control', core: place.control, wholes: [] }]);
  expect(
    place.contents.some((content) => control(content).length > 0),
    `${place.name}: its control '${place.control}' was not found`,
  ).toBe(true);
  const leaks = place.contents
    .flatMap(find)
    .filter(({ name }) => !belongs(name))
    .map(({ name, encoding, excerpt }) => `${place.name}: ${name} (${encoding}): ${excerpt}`);
  expect([...new Set(leaks)]).toEqual([]);
}

/** Their results may name customers by their ids, which an erasure's page says. */
const OVER_MANY: ReadonlySet<string> = new Set([
  WorkflowName.reconcilePaymentMethods,
  WorkflowName.sweepObligations,
]);

const isInGraph = (name: string) => name === PSEUDONYM || PERSONAL[name]?.inGraph === true;

test('every flow runs, with a mark in every personal field', { timeout: 600_000 }, async ({
  onTestFailed,
}) => {
  onTestFailed(() => console.log(system.persona.logTails()));
  const failures = await driveEveryFlow({ system, marks, ...client });
  const neverSent = marks.neverSent();
  await addSecrets(marks, system);
  await addDataKeys(marks, system);
  await addPseudonyms(marks, system);
  searchErased = createSearch(erasedMarks.needles());
  search = createSearch([...marks.needles(), ...erasedMarks.needles()]);
  expect(failures).toEqual([]);
  expect(neverSent).toEqual([]);
});

test('of erased customers nothing is found in any store, and nothing of theirs opens: the proof', {
  timeout: 600_000,
}, async ({ onTestFailed }) => {
  onTestFailed(() => console.log(system.persona.logTails()));
  const { id, knownId, device_id, payment_id, methods, keys } = await eraseCompletely(
    { system, marks: erasedMarks, ...client },
    second,
    toErase,
  );
  const answered = client.responses.length;
  // The second half of each: the first is a time, which ids of the same process and millisecond share.
  const ids = [id, knownId, device_id, ...methods].map((one) => ({
    name: 'id',
    core: one.slice(one.length / 2),
    wholes: [],
  }));
  const searchIds = createSearch(ids);
  const everywhere = (haystack: Buffer) => [...searchErased(haystack), ...searchIds(haystack)];
  const graph = await places.graphPlace(system, controls.transaction);
  expectClean(graph, { find: everywhere });
  const { temporal_namespace } = system.persona.addresses;
  // Temporal's list shows what was deleted for a moment longer.
  await expect
    .poll(
      async () => (await places.historyPlace(temporal, temporal_namespace, '')).contents.flatMap(everywhere),
      LIMIT,
    )
    .toEqual([]);
  expectClean(await places.decodedHistoryPlace(system, controls.payment), { find: searchErased });
  const ofOne = (workflow: string) => !OVER_MANY.has(workflow);
  expectClean(await places.decodedHistoryPlace(system, controls.payment, ofOne), { find: everywhere });
  // A pseudonym's payments are open there, and nothing leads from them to the customer.
  const data = join(system.homes.kafka, 'data');
  const log = places.filesPlace('the log in Kafka', data, 'persona.log.v1-*/*.log', 'persona.v1.');
  expectClean(log, { find: searchErased });
  // Neither does the process that an event was caused by; the keys of the charges go on after the payment's id.
  const process = new RegExp(`recovery:${payment_id}(?!:)`);
  expect(log.contents.filter((content) => process.test(content.toString('latin1')))).toEqual([]);

  const left = [ringKeyOf(system.persona.env), ...(await readDataKeys(system)).map(({ key }) => key)];
  for (const content of [...graph.contents, ...log.contents])
    expect(searchErased(openWithAll(content, left))).toEqual([]);
  // The destroyed keys open what Kafka's log still has of them, so that this was looked at.
  const opened = log.contents.flatMap((content) => searchErased(openWithAll(content, keys)));
  expect(opened.map(({ name }) => name)).toEqual(expect.arrayContaining(['email', 'street1', 'token']));

  await client.rest('GET', `/api/v1/customers/${id}/export`, { as: { role: 'privacy' } });
  await client.rpc('privacy', 'ExportCustomer', { customer_id: id });
  const since = client.responses.slice(answered);
  expect(since.flatMap(({ bytes }) => searchErased(bytes))).toEqual([]);
});

test('an operator proves the same: every erasure in the journal, and the graph by its event log', async () => {
  // Temporal's list shows what was deleted for a moment longer.
  const run = async (...args: string[]) => {
    const { code, output } = await commands.run(args);
    return code === 0 ? JSON.parse(output) : output;
  };
  await expect
    .poll(() => run('erasures', 'verify', '--json'), LIMIT)
    .toMatchObject({ erasures: 2, running: 0, found: [], unapplied: [], not_taken_back: [], unreadable: 0 });
  expect(await run('verify', '--all', '--json')).toMatchObject({ differences: [] });
});

test('logs hold neither personal data nor secrets', () => {
  const logs = places.logPlaces(system, {
    ...{ neo4j: 'Bolt enabled', temporal: 'Temporal Server', kafka: 'Kafka Server started' },
    ...{ api: controls.correlation, worker: controls.transaction },
  });
  for (const log of logs) expectClean(log);
});

test('metrics hold neither personal data nor secrets', async () => {
  for (const name of ['api', 'worker-smtp', 'consumer']) await keepPlace(name);
  for (const metrics of keptMetrics) expectClean(metrics);
});

test('traces hold neither personal data nor secrets', () => {
  const contents = system.collector.bodies;
  expectClean({ name: 'traces', contents, control: controls.correlation });
});

test('process arguments hold neither personal data nor secrets', () => {
  for (const place of [...places.argumentPlaces(system), ...places.commandPlaces(commands.outputs)])
    expectClean(place);
});

test('errors repeat nothing that is personal', () => {
  expectClean(places.errorPlace(client.responses, controls.correlation));
  const statuses = new Set(client.responses.filter(({ failed }) => failed).map(({ status }) => status));
  expect([...statuses]).toEqual(
    expect.arrayContaining([400, 401, 403, 404, 405, 412, 413, 415, 422, 428, 503, 3, 5, 7, 14]),
  );
});

test('responses show personal data to those alone whom it is for', () => {
  const succeeded = client.responses.filter(({ failed }) => !failed);
  const leaks = succeeded.flatMap(({ operation, bytes }) =>
    search(bytes)
      .filter(({ name }) => !PERSONAL[name]?.shownBy?.test(operation))
      .map(({ name, excerpt }) => `${operation}: ${name}: ${excerpt}`),
  );
  expect(leaks).toEqual([]);
  const shown = new Set(succeeded.flatMap(({ bytes }) => search(bytes).map(({ name }) => name)));
  expect([...shown].sort()).toEqual(
    Object.keys(PERSONAL)
      .filter((name) => PERSONAL[name]?.shownBy !== undefined)
      .sort(),
  );
});

test('commands print only what they are asked for', () => {
  for (const { name, output } of commands.outputs) {
    const found = search(Buffer.from(output)).map((finding) => finding.name);
    expect({ name, found: [...new Set(found)] }).toEqual({
      name,
      found: found.length > 0 && name === 'customer' ? ['email'] : [],
    });
  }
  expect(commands.outputs.filter(({ output }) => search(Buffer.from(output)).length > 0)).toHaveLength(1);
});

test("Temporal's histories and database hold only what is encrypted, ids and codes", async () => {
  expectClean(
    await places.historyPlace(temporal, system.persona.addresses.temporal_namespace, controls.payment),
  );
  expectClean(
    places.filesPlace("Temporal's database", system.homes.temporal, 'temporal.db*', controls.payment),
  );
});

test('the folders of a copy hold secrets only in the files made for them, which others cannot read', () => {
  const { folder, persona } = system;
  const files = [folder, persona.folder].flatMap((root) =>
    globSync('**/*', { cwd: root })
      .filter((file) => !file.startsWith('stack/'))
      .map((file) => join(root, file)),
  );
  const purposes: string[] = [];
  for (const file of files.filter((one) => statSync(one).isFile())) {
    const belongs = purposeOf(file);
    const found = search(readFileSync(file));
    const leaks = found.filter(({ name }) => !belongs?.(name));
    expect({ file, leaks }).toEqual({ file, leaks: [] });
    if (belongs === undefined) continue;
    purposes.push(extname(file));
    expect(found, file).not.toEqual([]);
    expect((statSync(file).mode & 0o777).toString(8), file).toBe('600');
  }
  expect([...new Set(purposes)].sort()).toEqual(['.env', '.json', '.jsonl', '.key', '.state']);
});

test("Kafka's files of Persona's topics hold only open properties, and nothing of dead letters", () => {
  const data = join(system.homes.kafka, 'data');
  expectClean(places.filesPlace("Kafka's topics", data, 'persona.*/*.log', 'persona.v1.'), {
    belongs: isInGraph,
  });
  const letters = places.filesPlace('dead letters', data, 'persona.dlq.v1-*/*.log', 'customer_not_found');
  expectClean(letters);
});

test("Neo4j's files hold only open properties, and each of them", async () => {
  const { homes } = system;
  await system.administer('CREATE (:MarkControl {short: $short})', { short: controls.short });
  expectClean(await places.graphPlace(system, controls.transaction), { belongs: isInGraph });
  await system.stopNeo4j();
  const phone = { name: 'short control', core: controls.short.slice(1), wholes: [controls.short] };
  const transaction = { name: 'control', core: controls.transaction, wholes: [] };
  // Once for everything, because the files are large.
  const find = createSearch([...marks.needles(), ...erasedMarks.needles(), phone, transaction]);
  const open = Object.keys(PERSONAL).filter((name) => PERSONAL[name]?.inGraph);
  for (const folder of ['data/databases', 'data/transactions']) {
    const { contents } = places.filesPlace(folder, join(homes.neo4j, folder), '**/*', '');
    const found = new Set(contents.flatMap(find).map(({ name }) => name));
    // What was open of the erased may be left in free pages, which the erasure's page says; nothing that was sealed.
    expect([...found].sort(), folder).toEqual([...open, PSEUDONYM, phone.name, transaction.name].sort());
  }
  expectClean(places.filesPlace("Neo4j's logs", homes.neo4j, 'logs/*', homes.neo4j));
});
