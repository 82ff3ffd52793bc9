/** The `persona` command, each of its commands as a separate process, against a running copy that it finds by its run file. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { execa } from 'execa';
import { decodeJwt } from 'jose';
import neo4j, { type Driver } from 'neo4j-driver';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { runCli } from '../../cli/program.ts';
import { fetchAs } from '../../platform/run-access.ts';
import { type Agents, connectAgents } from '../../dev/demo/agents.ts';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { freePort } from '../../dev/stack/ports.ts';
import { readCodecKeys } from '../../platform/environment.ts';
import { runSecretsPath } from '../../platform/run-file.ts';
import { createPayloadCodec } from '../../temporal/codec.ts';
import { openOwnGraph, type OwnGraph } from '../own-graph.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT = { timeout: 60_000, interval: 200 };
/**
 * For a separate copy: `verify --all` checks everything in the graph. A gateway key in the environment would direct the
 * command to the gateway that the key belongs to.
 */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(NEO4J|TEMPORAL|STRIPE|NOTIFY|CHIMERA|PERSONA_(KEYS|BLIND|RUN))/.test(name),
  ),
);

let guard: Guard;
let ownGraph: OwnGraph;
let folder: string;
let runFile: string;
let system: PersonaSystem;
let agents: Agents;
let driver: Driver;
let customer: string;
let cards: string[];

beforeAll(async () => {
  guard = startGuard();
  folder = mkdtempSync(join(tmpdir(), 'persona-cli-'));
  runFile = join(folder, 'run.json');
  ownGraph = await openOwnGraph();
  system = await startPersona({
    ...{ guard, log: () => {}, runFile },
    env: { ...env, ...ownGraph.variables },
  });
  const { addresses } = system;
  agents = await connectAgents(addresses);
  const auth = neo4j.auth.basic(addresses.neo4j_username, addresses.neo4j_password);
  driver = neo4j.driver(addresses.neo4j, auth);
  ({ customer, cards } = await customerWithCards(2));
});
afterAll(async () => {
  await agents?.close();
  await driver?.close();
  await guard.stop();
  await ownGraph?.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(system.logTails())));

interface Options {
  variables?: Record<string, string>;
  input?: string;
}

async function run(command: string, args: string[], { variables, input = '' }: Options) {
  const environment = { ...env, PERSONA_RUN_FILE: runFile, ...variables };
  const options = { cwd: ROOT, env: environment, extendEnv: false, input, reject: false } as const;
  const { exitCode: code, stdout: out, stderr: err } = await execa(command, args, options);
  return { code, out, err };
}

/** The commands that have run as a process. */
const startedAsProcess = new Set<string>();

/**
 * `persona …`: each command for the first time through the launcher of every npm script, as a process that ends by itself;
 * repetitions within this process, because a start takes a second of processor time.
 */
async function persona(args: string[], options: Options = {}) {
  const [command = ''] = args;
  if (!startedAsProcess.has(command)) {
    startedAsProcess.add(command);
    return run(process.execPath, ['dev/boot.mjs', 'cli/main.ts', ...args], options);
  }
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCli(args, {
    env: { ...env, PERSONA_RUN_FILE: runFile, ...options.variables },
    stdin: Readable.from([options.input ?? '']),
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

/** The one document that `--json` prints. */
async function runJson(args: string[], code = 0, options: Options = {}): Promise<Record<string, any>> {
  const ended = await persona([...args, '--json'], options);
  expect(ended, ended.err).toMatchObject({ code });
  return JSON.parse(ended.out);
}

/** Active cards of one customer, used on a trusted device; `scripts` define the gateway's behaviour for each. */
async function customerWithCards(
  count: number,
  scripts: { script?: object[]; then?: object }[] = [],
): Promise<{ customer: string; cards: string[] }> {
  const fingerprint = randomUUID();
  const email = `cli.${randomUUID()}@shop.example`;
  let id: string | undefined;
  const found: string[] = [];
  for (let index = 0; index < count; index++) {
    const token = `pm_${randomUUID().replaceAll('-', '')}`;
    const card = { brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2031, fingerprint: token };
    const scripted = await fetch(`${system.addresses.gateway}/_sim/payment_methods/${token}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'card', card, ...scripts[index] }),
    });
    expect(scripted.status).toBe(200);
    const onboarded = await agents.onboard({
      transaction_id: randomUUID(),
      ...(id ? { customer_id: id } : { email }),
      payment_method_details: { type: 'card', token, off_session_consent: true },
      device_details: { fingerprint },
      occurred_at: new Date(Date.now() - (count - index) * 86_400_000).toISOString(),
    });
    id = onboarded.customer_id;
    found.push(onboarded.payment_method_id);
    if (index === 0) await agents.updateTrust(onboarded.device_id, 0.9);
  }
  const customer_id = id as string;
  await vi.waitFor(async () => {
    const methods = await readWallet(customer_id);
    const { items } = (await methods.json()) as { items: { status: string }[] };
    expect(items.filter(({ status }) => status === 'active')).toHaveLength(count);
  }, LIMIT);
  return { customer: customer_id, cards: found };
}

/** The customer's own request. */
function readWallet(customer_id: string): Promise<Response> {
  const { auth, http } = system.addresses;
  return fetchAs(auth, { customer_id }, `${http}/api/v1/customers/${customer_id}/payment-methods`);
}

function failure(customerId: string, card: string | undefined) {
  return {
    event_id: randomUUID(),
    payment_id: `invoice-${randomUUID()}`,
    customer_id: customerId,
    payment_method_id: card,
    amount: 4900,
    currency: 'USD',
    kind: 'recurring',
    occurred_at: new Date().toISOString(),
    decline_code: 'insufficient_funds',
  };
}

/** A recovery that waits for the customer, because every card declines. */
async function waitingRecovery(): Promise<string> {
  const declines = { then: { do: 'decline', decline_code: 'insufficient_funds' } };
  const decliningCustomer = await customerWithCards(2, [declines, declines]);
  const message = failure(decliningCustomer.customer, decliningCustomer.cards[0]);
  await runJson(['recover', '-'], 0, { input: JSON.stringify(message) });
  await expect.poll(async () => (await agents.getRecovery(message.payment_id))?.state, LIMIT).toBe('waiting');
  return message.payment_id;
}

test('npm run -s persona prints one document and nothing else', async () => {
  const ended = await run('npm', ['run', '-s', 'persona', '--', 'context', customer, '--json'], {});
  expect(ended).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(ended.out)).toMatchObject({
    customer_id: customer,
    status: 'active',
    payment_method_count: 2,
    trusted_devices: [{ trust_score: 0.9 }],
    version: expect.any(Number),
  });
});

test('doctor reports a healthy system, and names an unreachable server, an expired token and wrong keys', async () => {
  const healthy = await runJson(['doctor']);
  expect(healthy.checks.filter(({ state }: { state: string }) => state !== 'ok')).toEqual([]);
  expect(healthy.checks.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining([
      'node',
      'neo4j',
      'migrations',
      'keys',
      'temporal',
      'search_attributes',
      'retention',
      'workers',
      'codec_server',
      'redis',
      'issuer',
      'ops_certificate',
    ]),
  );
  const closedAddress = `127.0.0.1:${await freePort()}`;
  const unhealthy = await persona(['doctor'], { variables: { CHIMERA_ADDRESS: closedAddress } });
  expect(unhealthy).toMatchObject({
    code: 3,
    out: expect.stringContaining(`no response from ${closedAddress}`),
  });
  const issued = await fetch(`${system.addresses.auth?.token_url}?role=ops&expires_in=1`);
  const { access_token: expired } = (await issued.json()) as { access_token: string };
  await expect.poll(() => Date.now() / 1_000).toBeGreaterThan(Number(decodeJwt(expired).exp));
  const withExpiredToken = await runJson(['doctor'], 1, { variables: { PERSONA_TOKEN: expired } });
  expect(withExpiredToken.checks).toContainEqual(
    expect.objectContaining({ name: 'token', state: 'wrong', detail: expect.stringContaining('expired') }),
  );
  const PERSONA_KEYS = `other:${Buffer.alloc(32, 7).toString('base64')}`;
  const withWrongKeys = await runJson(['doctor'], 1, { variables: { PERSONA_KEYS } });
  expect(withWrongKeys.checks).toContainEqual(
    expect.objectContaining({
      name: 'keys',
      state: 'wrong',
      remedy: expect.stringContaining('PERSONA_KEYS'),
    }),
  );
});

test('config shows the effective configuration without secrets', async () => {
  const { environment, policy } = await runJson(['config']);
  expect(environment).toMatchObject({
    NEO4J_URI: { value: system.addresses.neo4j, source: 'run file' },
    PERSONA_KEYS: { value: '[masked]', source: 'run file' },
    LOG_LEVEL: { value: 'info', source: 'default' },
  });
  expect(policy).toMatchObject({ recovery: { swapDefault: true } });
  const printed = JSON.stringify(environment) + (await persona(['config'])).out;
  for (const name of ['PERSONA_KEYS', 'TEMPORAL_CODEC_KEYS', 'NEO4J_PASSWORD', 'STRIPE_API_KEY'])
    expect(printed).not.toContain(system.env[name]);
});

test('the keys of a copy are stored next to its run file, readable by its owner only', () => {
  expect(statSync(runSecretsPath(runFile)).mode & 0o777).toBe(0o600);
});

test('a customer is shown as REST returns it, and in tables', async () => {
  expect(await runJson(['customer', customer])).toMatchObject({
    customer_id: customer,
    identifiers: [{ type: 'email', is_verified: false }],
    payment_method_count: 2,
  });
  const { out, code } = await persona(['customer', customer]);
  expect(code).toBe(0);
  expect(out).toMatch(/status +active/);
  expect(out).toContain(`${cards[1]} │ visa 4242 │ active │ 12/2031`);
  const { items } = await runJson(['timeline', customer, '--limit', '3']);
  expect(items).toHaveLength(3);
  expect(items[0]).toEqual({
    seq: expect.any(Number),
    type: expect.any(String),
    occurred_at: expect.any(String),
    text: expect.any(String),
  });
});

test('a failed payment is reported from a file and recovered', async () => {
  const message = failure(customer, cards[0]);
  const file = join(folder, 'failure.json');
  writeFileSync(file, JSON.stringify(message));
  expect(await runJson(['recover', file])).toEqual({ workflow_id: `recovery:${message.payment_id}` });
  await expect
    .poll(async () => (await runJson(['recoveries', customer])).items, LIMIT)
    .toMatchObject([{ payment_id: message.payment_id, outcome: 'recovered', attempts: [{ n: 1 }] }]);
  const { out } = await persona(['recoveries', customer]);
  expect(out).toContain('$49.00');
  expect((await persona(['timeline', customer])).out).toContain(
    `The payment ${message.payment_id} was collected.`,
  );
});

test('operator requests reach the recovery with actor and reason', async () => {
  const payment = await waitingRecovery();
  const workflow_id = `recovery:${payment}`;
  const [started] = (await agents.fetchHistory(workflow_id)).events ?? [];
  const run_id = started?.workflowExecutionStartedEventAttributes?.originalExecutionRunId ?? expect.fail();
  expect(await runJson(['pause', payment, '--reason', 'the bank asked'])).toEqual({
    workflow_id,
    signal: 'pause',
  });
  const paused = async () => (await agents.getRecovery(payment))?.paused;
  await expect.poll(paused, LIMIT).toBe(true);
  expect((await persona(['resume', payment])).code).toBe(0);
  await expect.poll(paused, LIMIT).toBe(false);
  expect((await persona(['retry', payment])).code).toBe(0);
  expect((await persona(['cancel', payment])).code).toBe(0);
  await expect.poll(async () => (await agents.getRecovery(payment))?.outcome, LIMIT).toBe('cancelled');
  // The gateway's webhook about the cancelled payment may have started another run by now.
  const { events } = await agents.fetchHistory(workflow_id, run_id);
  const codec = createPayloadCodec(readCodecKeys(system.env).reveal());
  const signals = await Promise.all(
    (events ?? []).map(async ({ workflowExecutionSignaledEventAttributes: signal }) => {
      const [payload] = await codec.decode((signal?.input?.payloads ?? []) as Payload[]);
      return [signal?.signalName, payload && defaultPayloadConverter.fromPayload(payload)];
    }),
  );
  const actor = userInfo().username;
  expect(signals).toEqual(
    expect.arrayContaining([
      ['pause', { actor, reason: 'the bank asked' }],
      ['resume', { actor, reason: 'requested with persona resume' }],
      ['retryNow', { actor, reason: 'requested with persona retry' }],
      ['cancel', { actor, reason: 'requested with persona cancel' }],
    ]),
  );
});

const DECLINED = expect.objectContaining({ state: 'declined' });

const control = async (path: string, body: object) => {
  const init = { method: 'PUT', body: JSON.stringify(body) };
  expect((await fetch(`${system.addresses.gateway}/_sim${path}`, init)).status).toBe(200);
};

test('a recovery whose payment is not cancelled yet receives signals, and ends once it is', async () => {
  const payment = await waitingRecovery();
  const recovery = () => agents.getRecovery(payment);
  // On a slow machine the first claims may have expired before their charge.
  await expect.poll(recovery, LIMIT).toMatchObject({ attempts: expect.arrayContaining([DECLINED]) });
  const charges = await fetch(`${system.addresses.gateway}/_sim/charges?payment_id=${payment}`);
  const { data } = (await charges.json()) as { data: { payment_intent: string }[] };
  const intent = `/payment_intents/${data[0]?.payment_intent}`;
  await control(intent, { refuse_cancel: 401 });
  expect((await persona(['cancel', payment])).code).toBe(0);
  await expect
    .poll(recovery, LIMIT)
    .toMatchObject({ state: 'waiting', waiting_for: 'gateway', next: { action: 'poll' } });
  expect((await persona(['pause', payment])).code).toBe(0);
  await expect.poll(recovery, LIMIT).toMatchObject({ paused: true, waiting_for: 'gateway' });
  await control(intent, { refuse_cancel: null });
  expect((await persona(['retry', payment])).code).toBe(0);
  await expect.poll(recovery, LIMIT).toMatchObject({ state: 'done', outcome: 'cancelled' });
});

test('one command retries all payments under review by one rule', async () => {
  const refused = { then: { do: 'decline', decline_code: 'testmode_decline' } };
  const stopped = await Promise.all(
    [1, 2, 3].map(async () => {
      const { customer, cards } = await customerWithCards(2, [{}, refused]);
      const message = failure(customer, cards[0]);
      await runJson(['recover', '-'], 0, { input: JSON.stringify(message) });
      const recovery = async () => (await agents.getRecovery(message.payment_id)) ?? {};
      await expect.poll(recovery, LIMIT).toMatchObject({ state: 'needs_review' });
      return { payment: message.payment_id, recovery };
    }),
  );
  const rule = 'stripe:testmode_decline';
  const all = ['retry', '--all', '--rule', rule];
  const listed = stopped.map(({ payment }) => payment).sort();
  // Each process says that it waits for an operator before the graph does, which the command reads.
  const list = async () => {
    const { items } = await runJson([...all, '--dry-run']);
    return items.map(({ payment_id }: { payment_id: string }) => payment_id);
  };
  await expect.poll(list, LIMIT).toEqual(listed);
  const tokens = await fetch(`${system.addresses.gateway}/_sim/charges`);
  const { data } = (await tokens.json()) as { data: { payment_id: string; payment_method: string }[] };
  for (const { payment_id, payment_method } of data) {
    if (listed.includes(payment_id)) await control(`/payment_methods/${payment_method}`, { script: [] });
  }
  expect(await runJson(all)).toEqual({ rule, dry_run: false, found: 3, signalled: 3, without_run: [] });
  for (const { recovery } of stopped)
    await expect.poll(recovery, LIMIT).toMatchObject({ state: 'done', outcome: 'recovered' });
  expect(await runJson(all)).toMatchObject({ found: 0, signalled: 0 });
});

test('an operator resolves an unresolved charge', async () => {
  // The newest card is tried first: its charge gets no response, and the gateway has no record of it.
  const { customer, cards } = await customerWithCards(3, [
    {},
    {},
    { script: [{ do: 'hold_before_capture' }] },
  ]);
  const message = failure(customer, cards[0]);
  await runJson(['recover', '-'], 0, { input: JSON.stringify(message) });
  const attempts = async () => (await agents.getRecovery(message.payment_id))?.attempts ?? [];
  await expect.poll(attempts, LIMIT).toMatchObject([{ state: 'unknown' }]);
  const args = ['resolve', message.payment_id, '--result', 'declined', '--evidence', 'not on the statement'];
  const refused = await runJson([...args, '--attempt', 'another'], 1);
  expect(refused.detail).toContain('must be the unresolved attempt');
  const [unresolvedAttempt] = await attempts();
  expect(await runJson([...args, '--attempt', unresolvedAttempt?.key ?? ''])).toMatchObject({
    payment_id: message.payment_id,
    attempts: [{ key: unresolvedAttempt?.key, state: 'declined', reason_text: expect.any(String) }],
  });
  await expect.poll(attempts, LIMIT).toMatchObject([{ state: 'declined' }, { state: 'approved' }]);
});

test('a failed command prints its error, also as one JSON document', async () => {
  const payment = `invoice-${randomUUID()}`;
  const unknownCustomer = randomUUID();
  expect(await runJson(['pause', payment], 1)).toMatchObject({
    type: 'urn:persona:error:recovery_not_found',
    status: 404,
    detail: `no recovery of payment ${payment} is running`,
  });
  expect(await runJson(['refund', payment], 1)).toMatchObject({
    type: 'urn:persona:error:recovery_not_found',
    status: 404,
  });
  const waiting = await waitingRecovery();
  expect(await runJson(['refund', waiting], 1)).toEqual({ payment_id: waiting, refunds: [] });
  const args = ['--attempt', 'k', '--result', 'declined', '--evidence', 'none'];
  expect((await persona(['resolve', payment, ...args])).code).toBe(1);
  expect((await persona(['resolve', waiting, ...args])).code).toBe(1);
  for (const command of ['context', 'customer', 'timeline', 'recoveries', 'verify --customer'])
    expect(await runJson([...command.split(' '), unknownCustomer], 1)).toMatchObject({ status: 404 });
  expect(await runJson(['recover', '-'], 1, { input: '{' })).toMatchObject({ status: 400 });
  const refused = await persona(['recover', '-'], {
    input: JSON.stringify({ ...failure(customer, cards[0]), amount: 0 }),
  });
  expect(refused).toMatchObject({ code: 1, out: '', err: expect.stringContaining('amount: must be') });
});

test('wrong usage has its own exit code', async () => {
  const main = ['dev/boot.mjs', 'cli/main.ts'];
  expect(await run(process.execPath, [...main, 'verify'], {})).toMatchObject({ code: 2, out: '' });
  expect(await persona(['context', 'nobody'])).toMatchObject({ code: 2, out: '' });
});

test('an unreachable server has its own exit code', async () => {
  const port = String(await freePort());
  const payment = `invoice-${randomUUID()}`;
  const at = (name: string, value: string) => ({ variables: { [name]: value } });
  expect((await persona(['context', customer], at('GRPC_PORT', port))).code).toBe(3);
  expect(await runJson(['customer', customer], 3, at('HTTP_PORT', port))).toMatchObject({ status: 503 });
  expect((await persona(['pause', payment], at('TEMPORAL_ADDRESS', `127.0.0.1:${port}`))).code).toBe(3);
  const elsewhere = {
    NEO4J_URI: `bolt://127.0.0.1:${port}`,
    NEO4J_PASSWORD: 'x',
    PERSONA_KEYS: `k:${Buffer.alloc(32, 1).toString('base64')}`,
    PERSONA_BLIND_KEYS: `b:${Buffer.alloc(32, 2).toString('base64')}`,
  };
  const unreachable = await persona(['verify', '--all'], { variables: elsewhere });
  expect(unreachable).toMatchObject({ code: 3, err: expect.stringContaining('Neo4j cannot be reached') });
  const { PERSONA_KEYS: _, ...withoutKeys } = elsewhere;
  const unable = await persona(['verify', '--all'], { variables: withoutKeys });
  expect(unable).toMatchObject({ code: 2, err: expect.stringContaining('PERSONA_KEYS: is missing') });
});

test('verify confirms that graph and log agree, and names each difference', async () => {
  expect(await runJson(['verify', '--customer', customer])).toEqual({
    customer_id: customer,
    differences: [],
  });
  await expect
    .poll(async () => runJson(['verify', '--all']), LIMIT)
    .toMatchObject({ customers: expect.any(Number), devices: expect.any(Number), differences: [] });
  const device = (await agents.getContext(customer)).trusted_devices[0]?.device_id;
  const orphan = randomUUID();
  await driver.executeQuery(
    `MATCH (d:Device {id: $device}) SET d.trust_score = 1.5
     MERGE (c:Customer {id: $customer}) SET c.segment = 'GOLD'
     CREATE (:PaymentMethod {id: $orphan}), (:Customer {id: 'customer ' + $orphan})`,
    { device, customer, orphan },
  );
  const { differences } = await runJson(['verify', '--all'], 1);
  expect(differences).toEqual(
    expect.arrayContaining([
      { where: `Device/${device}`, property: 'trust_score', expected: 0.9, found: 1.5 },
      { where: `Device/${device}`, property: 'trust_score', expected: 'a number from 0 to 1', found: 1.5 },
      { where: `Customer/${customer}`, property: 'segment', expected: 'NEW', found: 'GOLD' },
      { where: `PaymentMethod/${orphan}`, property: 'owner', expected: 'a customer', found: 'none' },
      { where: `Customer/customer ${orphan}`, property: 'exists', expected: false, found: true },
    ]),
  );
  expect(differences).toHaveLength(5);
  const verification = await persona(['verify', '--customer', customer]);
  expect(verification).toMatchObject({
    code: 1,
    out: expect.stringContaining('segment: expected NEW, found GOLD'),
  });
});

test('reconcile reports a card detached without an event in a dry run, and corrects it once', async () => {
  const { customer: id, cards: own } = await customerWithCards(2);
  const { records } = await driver.executeQuery(
    'MATCH (p:PaymentMethod {id: $id})<-[:HAS_PAYMENT_METHOD]-(c:Customer) RETURN c.gateway_customer_ref AS ref',
    { id: own[0] },
  );
  const listed = await fetch(
    `${system.addresses.gateway}/v1/customers/${records[0]?.get('ref')}/payment_methods`,
    {
      headers: { authorization: 'Bearer sk_test_cli' },
    },
  );
  const { data } = (await listed.json()) as { data: { id: string }[] };
  const silently = `${system.addresses.gateway}/_sim/payment_methods/${data.at(-1)?.id}/detach_silently`;
  expect((await fetch(silently, { method: 'POST' })).status).toBe(200);
  const inWallet = async () => {
    const methods = await readWallet(id);
    const { items } = (await methods.json()) as { items: { payment_method_id: string }[] };
    return items.map((one) => one.payment_method_id);
  };
  const ofCustomer = ({ differences }: Record<string, any>) =>
    differences.filter((one: { customer_id?: string }) => one.customer_id === id);
  const difference = { found: 'detached', customer_id: id, payment_method_id: own[0] };

  const dry = await runJson(['reconcile', '--dry-run']);
  expect(dry).toMatchObject({ dry_run: true, failed: [] });
  expect(ofCustomer(dry)).toEqual([difference]);
  expect(await inWallet()).toHaveLength(2);

  expect(ofCustomer(await runJson(['reconcile']))).toEqual([difference]);
  await expect.poll(inWallet, LIMIT).toEqual([own[1]]);
  expect(ofCustomer(await runJson(['reconcile']))).toEqual([]);
  expect(await runJson(['reconcile', '--list'])).toEqual({ items: [] });
  expect((await persona(['reconcile', '--list', '--dry-run'])).code).toBe(2);
});
