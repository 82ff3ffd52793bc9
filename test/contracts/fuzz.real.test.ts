/**
 * Generated requests, valid and invalid, of callers with access tokens, to every route of a running API: each response is
 * one that the OpenAPI document describes, and none is a 5xx. `PERSONA_PROPERTY_RUNS` sets the number of random requests
 * per route.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeCertificates } from '../../dev/access/certificates.ts';
import { type IssuerSimulator, startIssuerSimulator } from '../../dev/simulators/issuer/server.ts';
import { type ModelSimulator, startModelSimulator } from '../../dev/simulators/model/server.ts';
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
/** Everything that a service may do: no route tells callers of another role more. */
const SERVICE = { scope: 'role:ops role:checkout role:synapse role:chimera role:privacy' };
const OF_A_CUSTOMER = String.raw`^/api/v1/customers/\{customer_id\}/`;

/**
 * An id in a response may be of a customer of another test, whose key this API lacks: the documented `key_unavailable` is
 * no failure then.
 */
const EXPORT_OF_OTHERS = `
[[operations]]
include-path = "/api/v1/customers/{customer_id}/export"
[operations.checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 503]
`;

let folder: string;
let underTest: ApiUnderTest;
let api: ApiProcess;
let issuer: IssuerSimulator;
let model: ModelSimulator;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'persona-fuzz-'));
  underTest = await openApiUnderTest();
  issuer = await startIssuerSimulator({ audience: 'persona' });
  model = await startModelSimulator();
  const { ca, server } = await writeCertificates(folder);
  api = await underTest.startApi({
    PERSONA_INSECURE: '',
    AUTH_ISSUER: issuer.url,
    AUTH_JWKS_URL: `${issuer.url}/jwks.json`,
    AUTH_AUDIENCE: 'persona',
    GRPC_TLS_CERT: server.cert,
    GRPC_TLS_KEY: server.key,
    GRPC_TLS_CA: ca,
    MODEL_API_BASE: model.base,
    MODEL_NAME: 'simulated',
    RATE_LIMIT_CUSTOMER: '0',
    RATE_LIMIT_SERVICE: '0',
    RATE_LIMIT_WEBHOOK: '0',
  });
});
afterAll(async () => {
  await underTest.close();
  await issuer.close();
  await model.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The header of an access token. @param caller parameters of the development issuer */
async function authorizationOf(caller: Record<string, string>): Promise<string> {
  const issued = await fetch(`${issuer.token_url}?${new URLSearchParams(caller)}`);
  const { access_token } = (await issued.json()) as { access_token: string };
  return `Bearer ${access_token}`;
}

async function json<T>(path: string, init: RequestInit = {}): Promise<T> {
  const headers = { ...init.headers, authorization: await authorizationOf(SERVICE) };
  const response = await fetch(`${api.http}${path}`, { ...init, headers });
  const body = await response.text();
  expect(response.ok, `${path}: ${body}`).toBe(true);
  return JSON.parse(body) as T;
}

/**
 * @param caller as for `authorizationOf`
 * @param parameters fixed values, by `path.` or `header.` and name
 * @returns the report and the number of routes asked
 */
async function sendGenerated(
  caller: Record<string, string>,
  filter: readonly string[],
  parameters: Record<string, string> = {},
): Promise<{ report: string; routes: number }> {
  const packages = process.env.PERSONA_SCHEMATHESIS_PATH;
  if (!packages)
    throw new Error('PERSONA_SCHEMATHESIS_PATH is not set: npm test sets it if Python 3 is installed');
  const config = join(folder, 'schemathesis.toml');
  const lines = Object.entries(parameters).map(([name, value]) => `"${name}" = '${value}'`);
  writeFileSync(config, ['[parameters]', ...lines, EXPORT_OF_OTHERS].join('\n'));
  const { all: report } = await execa(
    findPython(process.env, { forWhat: 'schemathesis' }),
    [
      ...['-m', 'schemathesis.cli', '--no-color', '--config-file', config],
      ...['run', `${api.http}/openapi.json`, '--seed', SEED, '--max-examples', REQUESTS],
      ...['--phases', 'coverage,fuzzing', '--checks', CHECKS.join(','), '--continue-on-failure'],
      ...['--header', `Authorization: ${await authorizationOf(caller)}`],
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

/** The status codes so far, of each route. */
async function answeredCodes(): Promise<Map<string, Set<string>>> {
  const metrics = await (await fetch(api.metrics)).text();
  const codes = new Map<string, Set<string>>();
  for (const [line] of metrics.matchAll(/^persona_request_duration_seconds_count\{.*/gm)) {
    const [, route = ''] = /operation="([^"]*)"/.exec(line) ?? [];
    const [, code = ''] = /code="(\d+)"/.exec(line) ?? [];
    codes.set(route, (codes.get(route) ?? new Set()).add(code));
  }
  return codes;
}

/** Requests were sent as the caller, not as a stranger who is refused; a few are meant to be a stranger's. */
async function expectServed(expected: string, refusals: readonly string[]): Promise<void> {
  const codes = await answeredCodes();
  const refused = [...codes].filter(([, seen]) => [...seen].every((code) => refusals.includes(code)));
  expect(refused).toEqual([]);
  expect([...codes.values()].flatMap((seen) => [...seen])).toContain(expected);
}

function expectNoFindings({ report }: { report: string }): void {
  expect(/Test cases:\n +\d+ generated, \d+ passed(?:, \d+ skipped)?$/m.test(report), report).toBe(true);
}

test(
  `any caller with any ids gets documented responses (seed ${SEED})`,
  async () => {
    const run = await sendGenerated(SERVICE, []);
    expectNoFindings(run);
    expect(run.routes).toBe(await routesWhere(() => true));
    await expectServed('201', ['401']);
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

    const run = await sendGenerated({ customer_id }, ['--include-path-regex', OF_A_CUSTOMER], {
      'path.customer_id': customer_id,
      'path.payment_method_id': (await first('payment-methods'))?.payment_method_id ?? '',
      'path.address_id': (await first('addresses'))?.address_id ?? '',
      'path.identifier_id': profile.identifiers[0]?.identifier_id ?? '',
      'header.if-match': '*',
    });
    expectNoFindings(run);
    expect(run.routes).toBe(await routesWhere((path) => new RegExp(OF_A_CUSTOMER).test(path)));
    // What only customers may do, too.
    await expectServed('204', ['401', '403']);
  },
  LIMIT_MS,
);
