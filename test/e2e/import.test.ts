/** `persona import` as an operator runs it, killed halfway and run again, against a running copy. */

import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import neo4j, { type Driver } from 'neo4j-driver';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { fetchAs } from '../../platform/run-access.ts';
import { type PersonaSystem, startPersona } from '../../dev/persona.ts';
import { type Guard, startGuard } from '../../dev/stack/guard.ts';
import { openOwnGraph, type OwnGraph } from '../own-graph.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LIMIT = { timeout: 300_000, interval: 20 };
const IMPORT_MS = 600_000;
/** More than one checkpoint, and enough after it to be killed there. `npm run test:long` imports more. */
const LINES = Number(process.env.PERSONA_IMPORT_LINES ?? 1_500);
const CARD_NUMBER = '4242424242424242';
/** For a separate copy: `verify --all` checks everything in the graph. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(NEO4J|TEMPORAL|PERSONA_(KEYS|BLIND|RUN))/.test(name)),
);

let guard: Guard;
let ownGraph: OwnGraph;
let folder: string;
let runFile: string;
let system: PersonaSystem;
let driver: Driver;

beforeAll(async () => {
  guard = startGuard();
  folder = mkdtempSync(join(tmpdir(), 'persona-import-'));
  runFile = join(folder, 'run.json');
  ownGraph = await openOwnGraph();
  system = await startPersona({
    ...{ guard, log: () => {}, runFile },
    env: { ...env, ...ownGraph.variables },
  });
  const { neo4j: address, neo4j_username, neo4j_password } = system.addresses;
  driver = neo4j.driver(address, neo4j.auth.basic(neo4j_username, neo4j_password), {
    disableLosslessIntegers: true,
  });
});
afterAll(async () => {
  await driver?.close();
  await guard.stop();
  await ownGraph?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(system.logTails())));

const persona = (...args: string[]) =>
  execa(process.execPath, ['cli/main.ts', ...args], {
    cwd: ROOT,
    env: { ...env, PERSONA_RUN_FILE: runFile },
    extendEnv: false,
    stdio: ['ignore', 'pipe', 'inherit'],
    reject: false,
  });

async function cypher(query: string, parameters: object = {}): Promise<Record<string, unknown>[]> {
  const { records } = await driver.executeQuery(query, parameters);
  return records.map((record) => record.toObject());
}

/** Creates a card at the gateway. */
async function newToken(): Promise<string> {
  const token = `pm_${randomUUID().replaceAll('-', '')}`;
  const card = { brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2031 };
  const response = await fetch(`${system.addresses.gateway}/_sim/payment_methods/${token}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'card', card }),
  });
  expect(response.status).toBe(200);
  return token;
}

test('a file that is imported, killed and imported again is onboarded once', {
  timeout: IMPORT_MS,
}, async () => {
  const file = join(folder, 'customers.jsonl');
  const line = (n: number, change: object = {}) => ({
    transaction_id: `import-${n}`,
    occurred_at: '2026-01-01T00:00:00Z',
    // Every second line belongs to the same person as the line before.
    email: `person.${Math.floor(n / 2)}@shop.example`,
    device_details: { fingerprint: `device-${n}` },
    ...change,
  });
  const tokens = [await newToken(), await newToken()];
  const lines = Array.from({ length: LINES }, (_, n) => line(n));
  lines[0] = line(0, { payment_method_details: { type: 'card', token: tokens[0] } });
  lines[LINES - 1] = line(LINES - 1, { payment_method_details: { type: 'card', token: tokens[1] } });
  lines[500] = line(500, { customer_metadata: { segment: CARD_NUMBER } });
  lines[1200] = line(1200, { occurred_at: 'yesterday', customer_id: 'nobody' });
  writeFileSync(file, lines.map((each) => JSON.stringify(each)).join('\n'));

  const first = persona('import', file);
  const early = first.then(() => expect.fail('the import ended before it was killed'));
  await Promise.race([vi.waitUntil(() => existsSync(`${file}.import.json`), LIMIT), early]);
  first.kill('SIGKILL');
  await first;
  const { lines: before } = JSON.parse(readFileSync(`${file}.import.json`, 'utf8'));
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(LINES);

  const second = await persona('import', file, '--json');
  expect(second.exitCode).toBe(1);
  const report = `${file}.rejected.jsonl`;
  const summary = JSON.parse(second.stdout);
  expect(summary).toMatchObject({ file, lines: LINES, rejected: 2, report });
  expect(summary.created + summary.recognised + summary.repeated).toBe(LINES - 2);
  const rejected = readFileSync(report, 'utf8');
  expect(rejected).not.toContain(CARD_NUMBER);
  expect(
    rejected
      .trimEnd()
      .split('\n')
      .map((each) => JSON.parse(each)),
  ).toMatchObject([
    { line: 501, transaction_id: 'import-500', type: 'card_number_refused' },
    {
      line: 1201,
      transaction_id: 'import-1200',
      type: 'invalid_argument',
      problems: [{ field: 'customer_id' }, { field: 'occurred_at' }],
    },
  ]);

  // One receipt per transaction, one customer per person, one login per line.
  expect(
    await cypher(
      `MATCH (r:CommandReceipt {caller: 'workflow:onboardCustomer'}) WHERE r.key STARTS WITH 'import-'
       WITH count(r) AS receipts
       MATCH (c:Customer) WITH receipts, count(c) AS customers
       MATCH (e:PersonaEvent {type: 'DeviceLinked'}) RETURN receipts, customers, count(e) AS logins`,
    ),
  ).toEqual([{ receipts: LINES - 2, customers: LINES / 2, logins: LINES - 2 }]);

  // Verification at the gateway is done by the workflows.
  await vi.waitFor(async () => {
    const methods = await cypher('MATCH (p:PaymentMethod) RETURN p.status AS status');
    expect(methods).toEqual([{ status: 'active' }, { status: 'active' }]);
  }, LIMIT);
  // Imported again from the first line: nothing is created, and the report shows it.
  rmSync(`${file}.import.json`);
  expect(JSON.parse((await persona('import', file, '--json')).stdout)).toMatchObject({
    lines: LINES,
    created: 0,
    recognised: 0,
    repeated: LINES - 2,
    rejected: 2,
  });
  // The API responds to a transaction of the file as if it had received it itself.
  const { auth, http } = system.addresses;
  const repeated = await fetchAs(auth, { role: 'checkout' }, `${http}/api/v1/customers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(lines[1]),
  });
  expect(await repeated.json()).toMatchObject({ warnings: [] });
  expect(await cypher('MATCH (c:Customer) RETURN count(c) AS customers')).toEqual([{ customers: LINES / 2 }]);
  expect((await persona('verify', '--all')).exitCode).toBe(0);
});
