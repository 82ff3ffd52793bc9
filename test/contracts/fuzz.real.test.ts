/**
 * Generated requests, valid and invalid, to every route of a running API: each response is one that the OpenAPI document
 * describes, and none is a 5xx. `PERSONA_PROPERTY_RUNS` sets the number of random requests per route.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findPython } from '../../dev/stack/packages.ts';
import { type ApiProcess, type ApiUnderTest, openApiUnderTest } from '../api-fixture.ts';
import { type RestExample, readExample, startExampleRun } from './example.ts';

/** In addition to one request for every boundary of the document's schemas. */
const REQUESTS = process.env.PERSONA_PROPERTY_RUNS ?? '3';
const SEED = '20261124';
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
];
/** Longer than the API lets a caller wait. */
const REQUEST_TIMEOUT_SECONDS = '40';
const LIMIT_MS = 9 * 60_000;
const OF_A_CUSTOMER = String.raw`^/api/v1/customers/\{customer_id\}/`;

let folder: string;
let underTest: ApiUnderTest;
let api: ApiProcess;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-fuzz-'));
  underTest = await openApiUnderTest();
  api = await underTest.startApi({
    RATE_LIMIT_CUSTOMER: '0',
    RATE_LIMIT_SERVICE: '0',
    RATE_LIMIT_WEBHOOK: '0',
  });
});
afterAll(async () => {
  await underTest.close();
  rmSync(folder, { recursive: true, force: true });
});

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(`${api.http}${path}`, init);
  const body = await response.text();
  expect(response.ok, `${path}: ${body}`).toBe(true);
  return JSON.parse(body) as T;
}

/** @param parameters fixed values, by `path.` or `header.` and name @returns the report and the number of routes asked */
async function sendGenerated(
  filter: readonly string[],
  parameters: Record<string, string> = {},
): Promise<{ report: string; routes: number }> {
  const packages = process.env.PERSONA_SCHEMATHESIS_PATH;
  if (!packages)
    throw new Error('PERSONA_SCHEMATHESIS_PATH is not set: npm test sets it if Python 3 is installed');
  const config = join(folder, 'schemathesis.toml');
  const lines = Object.entries(parameters).map(([name, value]) => `"${name}" = '${value}'`);
  writeFileSync(config, ['[parameters]', ...lines, ''].join('\n'));
  const { all: report } = await execa(
    findPython(process.env, { forWhat: 'schemathesis' }),
    [
      ...['-m', 'schemathesis.cli', '--no-color', '--config-file', config],
      ...['run', `${api.http}/openapi.json`, '--seed', SEED, '--max-examples', REQUESTS],
      ...['--phases', 'coverage,fuzzing', '--checks', CHECKS.join(','), '--continue-on-failure'],
      ...['--request-timeout', REQUEST_TIMEOUT_SECONDS, '--warnings', 'off', ...filter],
    ],
    {
      cwd: folder,
      env: { PYTHONPATH: packages, PYTHONUTF8: '1', NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' },
      all: true,
      reject: false,
    },
  );
  return { report, routes: Number(/^ +Tested: (\d+)$/m.exec(report)?.[1] ?? 0) };
}

async function routesWhere(select: (path: string) => boolean): Promise<number> {
  const { paths } = await json<{ paths: Record<string, object> }>('/openapi.json');
  return Object.entries(paths)
    .filter(([path]) => select(path))
    .flatMap(([, verbs]) => Object.keys(verbs)).length;
}

function expectNoFindings({ report }: { report: string }): void {
  expect(/Test cases:\n +\d+ generated, \d+ passed(?:, \d+ skipped)?$/m.test(report), report).toBe(true);
}

test(
  `any caller with any ids gets documented responses (seed ${SEED})`,
  async () => {
    const run = await sendGenerated([]);
    expectNoFindings(run);
    expect(run.routes).toBe(await routesWhere(() => true));
  },
  LIMIT_MS,
);

test(
  `a customer with a wallet, an address and a device gets documented responses (seed ${SEED})`,
  async () => {
    const { body } = startExampleRun().send(readExample('rest/onboard') as RestExample).request;
    const { customer_id } = await json<{ customer_id: string }>('/api/v1/customers', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const customer = `/api/v1/customers/${customer_id}`;
    const first = async (list: string) =>
      (await json<{ items: Record<string, string>[] }>(`${customer}/${list}`)).items[0];
    const profile = await json<{ identifiers: { identifier_id: string }[] }>(`${customer}/profile`);

    const run = await sendGenerated(['--include-path-regex', OF_A_CUSTOMER], {
      'path.customer_id': customer_id,
      'path.payment_method_id': (await first('payment-methods'))?.payment_method_id ?? '',
      'path.address_id': (await first('addresses'))?.address_id ?? '',
      'path.identifier_id': profile.identifiers[0]?.identifier_id ?? '',
      'header.if-match': '*',
    });
    expectNoFindings(run);
    expect(run.routes).toBe(await routesWhere((path) => new RegExp(OF_A_CUSTOMER).test(path)));
  },
  LIMIT_MS,
);
