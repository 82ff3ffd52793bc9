/** Checks Persona's own API and workers, the gateway and Chimera. */

import { Client, credentials } from '@grpc/grpc-js';
import { Stripe } from 'stripe';
import { gatewayFault, stripeClient, type StripeOptions } from '../../adapters/stripe/client.ts';
import type { Readiness } from '../../platform/readiness.ts';
import { trustAuthority } from '../../platform/run-access.ts';
import { type GrpcAccess, grpcAccess } from '../access.ts';
import { callRest } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { type CheckResult, ok, runCheck, unreachable, wrong } from './check.ts';

/** Long enough for a slow server not to count as unreachable. */
const TIMEOUT_MS = 15_000;

export async function checkRest(settings: Settings): Promise<CheckResult> {
  trustAuthority(settings.auth);
  // 503 is a valid response here: it names the dependency that is down.
  const response = await fetch(`${settings.http}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
    () => undefined,
  );
  if (response === undefined) {
    await callRest(settings, 'GET', '/readyz');
    return ok(`reachable at ${settings.http}`);
  }
  return readinessResult(settings.http, (await response.json()) as Readiness);
}

/** Checks the readiness probe of each worker that the run file names. */
export async function checkProcesses({ runFile }: Settings): Promise<Record<string, CheckResult>> {
  const workers = Object.entries(runFile.content?.metrics ?? {}).filter(([name]) =>
    name.startsWith('worker'),
  );
  const results = workers.map(
    async ([name, metrics]): Promise<[string, CheckResult]> => [
      name,
      await runCheck(() => checkWorker(new URL('/readyz', metrics)), 'The run file may be stale'),
    ],
  );
  return Object.fromEntries(await Promise.all(results));
}

async function checkWorker(address: URL): Promise<CheckResult> {
  const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => undefined);
  return response
    ? readinessResult(address.origin, (await response.json()) as Readiness)
    : unreachable(
        `no response from ${address.origin}`,
        `The process has ended: start one with 'npm run worker'`,
      );
}

function readinessResult(endpoint: string, { status, dependencies }: Readiness): CheckResult {
  if (status === 'ready') return ok(`ready at ${endpoint}`);
  const down = Object.entries(dependencies).filter(([, state]) => state === 'down');
  const names = down.map(([name]) => name).join(' and ');
  return wrong(
    `${endpoint} is ${status}`,
    names ? `It cannot reach ${names}` : `It is ${status}: check again`,
  );
}

export async function checkGrpc(settings: Settings): Promise<CheckResult> {
  const { grpc, runFile } = settings;
  if (await answersGrpc(grpc, grpcAccess(settings))) return ok(`reachable at ${grpc}`);
  return unreachable(
    `no response from ${grpc}`,
    runFile.content
      ? `${runFile.path} may be stale; run 'npm start'`
      : "Run 'npm start', or set GRPC_HOST and GRPC_PORT",
  );
}

export async function checkChimera({ variables }: Settings): Promise<CheckResult> {
  const { CHIMERA_ADDRESS: address } = variables;
  if (address === undefined) return wrong('CHIMERA_ADDRESS is not set', "Set it to Chimera's host:port");
  return (await answersGrpc(address, { credentials: credentials.createInsecure(), options: {} }))
    ? ok(`reachable at ${address}`)
    : unreachable(
        `no response from ${address}`,
        'Check CHIMERA_ADDRESS. Onboarding and recovery continue without Chimera',
      );
}

export async function checkGateway({ variables }: Settings): Promise<CheckResult> {
  const { STRIPE_API_KEY: apiKey, STRIPE_API_BASE: apiBase, STRIPE_API_VERSION: apiVersion } = variables;
  if (apiKey === undefined)
    return wrong('STRIPE_API_KEY is not set', "Set it to Stripe's secret key (sk_test_… in test mode)");
  const options = { apiKey, apiBase, apiVersion };
  try {
    await stripeClient(options).charges.list({ limit: 1 });
  } catch (error) {
    throw gatewayFault(error, options);
  }
  const unreadable = await unreadableResources(options);
  const endpoint = apiBase ?? 'https://api.stripe.com';
  if (unreadable.length === 0) return ok(`${endpoint} accepts the key`);
  return wrong(
    `the key may not read ${unreadable.join(', ')} at ${endpoint}`,
    'Grant the restricted key read access: until then updates about them wait, and the payments and methods concerned are still charged',
  );
}

/** Mandates are read only by id. An unknown one is a 404 for a key that may read mandates, else a permission error. */
const NONEXISTENT_MANDATE = 'mandate_persona_doctor';

/** Resources that are read only after a gateway update: a missing permission would show nowhere else. */
async function unreadableResources(options: StripeOptions): Promise<string[]> {
  const stripe = stripeClient(options);
  const probes: [what: string, reading: () => Promise<unknown>][] = [
    ['disputes', () => stripe.disputes.list({ limit: 1 })],
    ['early fraud warnings', () => stripe.radar.earlyFraudWarnings.list({ limit: 1 })],
    ['mandates', () => stripe.mandates.retrieve(NONEXISTENT_MANDATE)],
  ];
  const found = await Promise.all(
    probes.map(async ([resource, probe]) => ((await isPermitted(probe, options)) ? [] : [resource])),
  );
  return found.flat();
}

async function isPermitted(probe: () => Promise<unknown>, options: StripeOptions): Promise<boolean> {
  try {
    await probe();
  } catch (error) {
    if (error instanceof Stripe.errors.StripePermissionError) return false;
    const isMissing = error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404;
    if (!isMissing) throw gatewayFault(error, options);
  }
  return true;
}

async function answersGrpc(
  address: string,
  access: Pick<GrpcAccess, 'credentials' | 'options'>,
): Promise<boolean> {
  const client = new Client(address, access.credentials, access.options);
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + TIMEOUT_MS, (error) => (error ? reject(error) : resolve()));
    });
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}
