/**
 * `persona keys rotate` in phase 2 of a key's rotation, while two API processes serve, one of which still writes with
 * the older keys.
 */

import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import neo4j, { type Driver } from 'neo4j-driver';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { type ApiProcess, startApiProcess, unaryCall } from '../api-fixture.ts';
import { openOwnGraph, type OwnGraph } from '../own-graph.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const KNOWN_BEFORE = 20;
const MAX_PEOPLE = 60;
const keys = new Map(
  ['PERSONA_KEYS', 'PERSONA_BLIND_KEYS'].map((name) => [
    name,
    Object.fromEntries(['old', 'new'].map((id) => [id, `${id}:${randomBytes(32).toString('base64')}`])),
  ]),
);
/** Both rings with these keys, the first of which writes. */
const rings = (...ids: string[]) =>
  Object.fromEntries([...keys].map(([name, secrets]) => [name, ids.map((id) => secrets[id]).join()]));
/** For a copy with its own graph: a rotation concerns everything in it. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(NEO4J|TEMPORAL|STRIPE|NOTIFY|CHIMERA|PERSONA_RUN)/.test(name),
  ),
);

let guard: Guard;
let ownGraph: OwnGraph;
let folder: string;
let system: PersonaSystem;
let driver: Driver;
let apis: [slower: ApiProcess, faster: ApiProcess];
beforeAll(async () => {
  guard = startGuard();
  folder = mkdtempSync(join(tmpdir(), 'persona-rotation-'));
  ownGraph = await openOwnGraph();
  system = await startPersona({
    ...{ guard, log: () => {}, runFile: join(folder, 'run.json') },
    env: { ...env, ...ownGraph.variables, PERSONA_INSECURE: '1', ...rings('old', 'new') },
  });
  const { neo4j: uri, neo4j_username, neo4j_password } = system.addresses;
  driver = neo4j.driver(uri, neo4j.auth.basic(neo4j_username, neo4j_password));
  const limits = { RATE_LIMIT_CUSTOMER: '0', RATE_LIMIT_SERVICE: '0' };
  const startApi = (...ids: string[]) =>
    startApiProcess({ ...programEnvironment(), ...limits, ...rings(...ids) });
  apis = [await startApi('old', 'new'), await startApi('new', 'old')];
});
afterAll(async () => {
  await Promise.all(apis?.map((api) => api.stop()) ?? []);
  await driver?.close();
  await guard.stop();
  await ownGraph?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(system.logTails())));

function programEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(system.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

async function persona(...args: string[]): Promise<Record<string, any>> {
  const ended = await execa(process.execPath, ['dev/boot.mjs', 'cli/main.ts', ...args, '--json'], {
    cwd: ROOT,
    env: { ...programEnvironment(), ...rings('new', 'old'), PERSONA_RUN_FILE: system.runFile },
    extendEnv: false,
    reject: false,
  });
  expect(ended.exitCode, `${ended.stdout}\n${ended.stderr}`).toBe(0);
  return JSON.parse(ended.stdout);
}

/** A person with everything that is hashed or sealed, and what the processes say of them. */
function newPerson() {
  const mark = randomUUID().replaceAll('-', '');
  const email = `person.${mark}@shop.example`;
  const street1 = `${mark} Main Street`;
  const customers = new Set<string>();
  const methods = new Set<string>();
  const read = async (api: ApiProcess, path: string) => {
    const response = await fetch(`${api.http}/api/v1/customers/${[...customers][0]}/${path}`);
    const body = (await response.json()) as Record<string, any>;
    expect(response.status, JSON.stringify(body)).toBe(200);
    return body;
  };
  return {
    customers,
    methods,
    async onboardAt(api: ApiProcess): Promise<void> {
      const response = await fetch(`${api.http}/api/v1/customers`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          transaction_id: randomUUID(),
          occurred_at: new Date().toISOString(),
          digital_identifiers: [{ type: 'email', value: email, is_verified: true }],
          payment_method_details: { type: 'card', token: `pm_${mark}` },
          device_details: { fingerprint: mark },
          address_details: { street1, city: 'Berlin', zip_code: '10115', country: 'DE', type: 'shipping' },
        }),
      });
      const body = (await response.json()) as { customer_id: string; payment_method_id?: string };
      expect([200, 201], JSON.stringify(body)).toContain(response.status);
      customers.add(body.customer_id);
      if (body.payment_method_id !== undefined) methods.add(body.payment_method_id);
    },
    /** By a hash, and with the data key. */
    async checkAt(api: ApiProcess): Promise<void> {
      const found = await unaryCall<{ customer: { customer_id: string } }>(
        api.graph,
        'findCustomerByDigitalId',
        {
          type: 'email',
          value: email,
        },
      );
      expect([...customers]).toEqual([found.customer.customer_id]);
      const [profile, wallet, addresses] = await Promise.all(
        ['profile', 'payment-methods', 'addresses'].map((path) => read(api, path)),
      );
      expect(profile?.identifiers).toMatchObject([{ value: email }]);
      expect(wallet?.items.map((method: { payment_method_id: string }) => method.payment_method_id)).toEqual([
        ...methods,
      ]);
      expect(addresses?.items).toMatchObject([{ street1 }]);
    },
  };
}

test('while keys are rotated, nothing fails or is missed, and no person becomes a second customer', async () => {
  const people = Array.from({ length: KNOWN_BEFORE }, newPerson);
  for (const person of people) await person.onboardAt(apis[0]);

  let isRotating = true;
  const load = apis.map(async (api, n) => {
    for (let round = 0; isRotating || round < 3; round += 1) {
      const person = people[(round * 7 + n) % people.length];
      await person?.checkAt(api);
      await person?.onboardAt(api);
      if (n !== 0 || people.length >= MAX_PEOPLE) continue;
      const stranger = newPerson();
      await Promise.all(apis.map((each) => stranger.onboardAt(each)));
      people.push(stranger);
    }
  });
  const rotation = async () => {
    const totals = [];
    for (const options of [[], ['--blind'], [], ['--blind']])
      totals.push(await persona('keys', 'rotate', ...options));
    return totals;
  };
  const [totals] = await Promise.all([rotation().finally(() => (isRotating = false)), ...load]);

  for (const total of totals) expect(total).toMatchObject({ key: 'new', unreadable: 0, conflicts: 0 });
  const [dataKeys, hashes] = totals.map(({ changed }) => changed as number);
  // A customer's and a device's key each; an identifier, a token, a fingerprint and an address.
  expect(dataKeys).toBeGreaterThanOrEqual(2 * KNOWN_BEFORE);
  expect(hashes).toBeGreaterThanOrEqual(4 * KNOWN_BEFORE);
  expect(people.length).toBeGreaterThan(KNOWN_BEFORE);
  for (const person of people) for (const api of apis) await person.checkAt(api);
  const { records } = await driver.executeQuery('MATCH (c:Customer) RETURN count(c) AS customers');
  expect(records[0]?.get('customers').toNumber()).toBe(people.length);
  await persona('verify', '--all');
});
