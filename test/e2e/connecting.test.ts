/** Runs every program of `docs/connecting.md` as each agent, with its certificate and its token, against a running Persona. */

import { randomUUID, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Agents, connectAgents } from '../../dev/demo/agents.ts';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { accessToken, fetchAs, type RunAccess } from '../../platform/run-access.ts';
import { type AgentRow, readAgentRows } from './connecting/document.ts';
import { LANGUAGES, preparePrograms, type Programs } from './connecting/programs.ts';

const RUNNING = fileURLToPath(new URL('../../.persona/running', import.meta.url));
const LIMIT = { timeout: 60_000, interval: 200 };
const rows = readAgentRows();

let guard: Guard;
let folder: string;
let system: PersonaSystem;
let auth: RunAccess;
let agents: Agents;
let programs: Programs;
let customer: Customer;

interface Customer {
  id: string;
  email: string;
  device: string;
  card: string;
  address: string;
}

beforeAll(async () => {
  guard = startGuard();
  mkdirSync(RUNNING, { recursive: true });
  folder = mkdtempSync(join(RUNNING, 'connecting-'));
  [system, programs] = await Promise.all([
    startPersona({ guard, log: () => {}, runFile: join(folder, 'run.json') }),
    preparePrograms(folder),
  ]);
  auth = system.addresses.auth ?? expect.fail('the copy authenticates no caller');
  agents = await connectAgents(system.addresses);
  customer = await onboardCustomer();
});
afterAll(async () => {
  await agents?.close();
  await guard.stop();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(system.logTails())));

/** With two active cards, a trusted device and a verified address. */
async function onboardCustomer(): Promise<Customer> {
  const email = `connecting.${randomUUID()}@shop.example`;
  const onboard = (token: string, customer_id?: string) =>
    agents.onboard({
      transaction_id: randomUUID(),
      customer_id,
      email,
      payment_method_details: { type: 'card', token, off_session_consent: true },
      device_details: { fingerprint: email },
      address_details: {
        street1: '1 Main Street',
        city: 'Springfield',
        zip_code: '12345',
        country: 'US',
        type: 'shipping',
        is_verified: true,
      },
      occurred_at: new Date().toISOString(),
    });
  const { customer_id, payment_method_id, device_id } = await onboard('pm_card_visa');
  await onboard('pm_card_mastercard', customer_id);
  await agents.updateTrust(device_id, 0.9);
  const items = async (list: string) => {
    const url = `${system.addresses.http}/api/v1/customers/${customer_id}/${list}`;
    const response = await fetchAs(auth, { customer_id }, url);
    return ((await response.json()) as { items: Record<string, string>[] }).items;
  };
  await vi.waitFor(async () => {
    const statuses = (await items('payment-methods')).map(({ status }) => status);
    expect(statuses).toEqual(['active', 'active']);
  }, LIMIT);
  const [address] = await items('addresses');
  return {
    id: customer_id,
    email,
    device: device_id,
    card: payment_method_id,
    address: address?.address_id ?? '',
  };
}

/** What every program gets, for one payment. */
function variablesFor({ id, device, card }: Customer, payment: string): Record<string, string> {
  const { http, grpc, temporal } = system.addresses;
  return {
    PERSONA_HTTP: http,
    PERSONA_GRPC: grpc.replace('127.0.0.1', 'localhost'),
    PERSONA_CA: auth.ca,
    TEMPORAL_ADDRESS: temporal,
    CUSTOMER_ID: id,
    DEVICE_ID: device,
    PAYMENT_METHOD_ID: card,
    PAYMENT_ID: payment,
  };
}

/** What the answer to each first call of the document contains. */
const ANSWERS: Record<string, (payment: string) => string> = {
  GetPaymentOptions: () => customer.card,
  'GET …/checkout-options': () => customer.card,
  GetCustomerContext: () => customer.device,
  GetVerifiedAddresses: () => customer.address,
  'POST /internal/v1/fraud-outcomes': (payment) => `fraud-case:case-${payment}`,
  ReportPaymentFailure: (payment) => `recovery:${payment}`,
  'POST /internal/v1/payment-failures': (payment) => `recovery:${payment}`,
  // Not this one: there may be more of them than are returned.
  FindCustomersByUsage: () => 'customer_id',
  GetCustomer: () => customer.email,
  'GET …/profile': () => customer.email,
  'GET …/payment-methods': () => customer.card,
};

const answerTo = (call: string, payment: string) =>
  (ANSWERS[call] ?? expect.fail(`the answer to ${call} is not known`))(payment);
const certificateOf = (role: string) =>
  auth.certificates[role] ?? expect.fail(`there is no certificate for ${role}`);
const tokenOf = ({ name, scope }: AgentRow) =>
  accessToken(auth, scope === 'self' ? { customer_id: customer.id } : { role: name });

test('every agent that has a certificate is in the table, with the certificate and the scope that it has', async () => {
  const named = rows.filter(({ certificate }) => certificate !== undefined).map(({ name }) => name);
  // The rights of customers, which `privacy` is for, are not built yet.
  expect([...named, 'privacy'].sort()).toEqual(Object.keys(auth.certificates).sort());
  for (const { name, certificate } of rows.filter((row) => row.certificate !== undefined)) {
    const { subjectAltName } = new X509Certificate(readFileSync(certificateOf(name).cert));
    expect(subjectAltName).toBe(`URI:${certificate}`);
  }
  for (const row of rows) expect(decodeJwt(await tokenOf(row)).scope).toBe(row.scope);
});

describe.each(LANGUAGES)('%s', (language) => {
  const overGrpc = rows.filter(({ rpc }) => rpc !== undefined);
  const overRest = rows.filter(({ route }) => route !== undefined);

  test.concurrent.each(overGrpc)('$name calls $rpc with its certificate', async ({ name, rpc = '' }) => {
    const payment = randomUUID();
    const { cert, key } = certificateOf(name);
    const variables = { ...variablesFor(customer, payment), AGENT_CERT: cert, AGENT_KEY: key };
    const answer = await programs.run(`agent.${language}`, [name], variables);
    expect(answer).toContain(answerTo(rpc, payment));
  });

  test.concurrent.each(overGrpc)('$name calls $rpc with its token', async (row) => {
    const payment = randomUUID();
    const variables = { ...variablesFor(customer, payment), ACCESS_TOKEN: await tokenOf(row) };
    const answer = await programs.run(`agent.${language}`, [row.name], variables);
    expect(answer).toContain(answerTo(row.rpc ?? '', payment));
  });

  test.concurrent.each(overRest)('$name sends $route with its token', async (row) => {
    const payment = randomUUID();
    const variables = { ...variablesFor(customer, payment), ACCESS_TOKEN: await tokenOf(row) };
    const answer = await programs.run(`rest.${language}`, [row.name], variables);
    expect(answer).toContain(answerTo(row.route ?? '', payment));
  });
});

test('a program without an accepted token or certificate fails', async () => {
  const variables = { ...variablesFor(customer, randomUUID()), ACCESS_TOKEN: 'none' };
  for (const language of LANGUAGES) {
    for (const [file, agent] of [
      ['agent', 'cerebrum'],
      ['rest', 'app'],
    ])
      await expect(programs.run(`${file}.${language}`, [agent ?? ''], variables)).rejects.toThrow(
        /unauthenticated|401/i,
      );
  }
});

test.concurrent.each([
  ['signal.ts', 'encrypted.ts', 'codec.ts'],
  ['signal_failure.py', 'encrypted.py', 'codec.py'],
])(
  '%s starts a recovery through Temporal, and with the codec %s reads its result',
  async (plain, encrypted, codec) => {
    const TEMPORAL_CODEC_KEYS = system.env.TEMPORAL_CODEC_KEYS ?? '';
    const [first, second] = [await onboardCustomer(), await onboardCustomer()];
    const [payment, other] = [randomUUID(), randomUUID()];
    const started = await programs.run(plain, [], variablesFor(first, payment));
    expect(started.trim()).toBe(`recovery:${payment}`);
    await expect.poll(() => agents.getRecovery(payment), LIMIT).toMatchObject({ outcome: 'recovered' });

    const variables = { ...variablesFor(second, other), TEMPORAL_CODEC_KEYS };
    const printed = await programs.run(encrypted, [], variables);
    // Its status, then its result.
    expect(printed).toMatch(new RegExp(`${other}[^]*${other}`));
    expect(printed).toMatch(/outcome'?: 'recovered'/);
    programs.used.add(codec);
  },
);

test('the shell commands call REST, and gRPC by certificate and by token', async () => {
  const printed = await programs.run('try.sh', [], {
    CUSTOMER_ID: customer.id,
    PERSONA_RUN_FILE: system.runFile,
  });
  expect(printed).toContain(customer.email);
  expect(printed).toContain('"items":[');
  expect(printed.split(customer.device)).toHaveLength(3);
});

test('every program of the document has been run', () => {
  expect([...programs.used].sort()).toEqual([...programs.files].sort());
});
