/** Persona's own API, and the servers of others. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';
import { Stripe } from 'stripe';
import { gatewayFault, stripeClient, type StripeOptions } from '../../adapters/stripe/client.ts';
import type { Readiness } from '../../platform/readiness.ts';
import { askRest, reasonOf } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { type Finding, ok, unreachable, wrong } from './check.ts';

/** A server that is merely slow is not missing. */
const PATIENCE_MS = 15_000;

export async function examineRest(settings: Settings): Promise<Finding> {
  // 503 is an answer here: it says which server the API misses.
  const response = await fetch(`${settings.http}/readyz`, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(
    () => undefined,
  );
  if (response === undefined) {
    await askRest(settings, 'GET', '/readyz');
    return ok(`answers at ${settings.http}`);
  }
  return readinessFinding(settings.http, (await response.json()) as Readiness);
}

/** Each worker of the copy that the run file names says itself whether it can work. */
export async function examineProcesses({ runFile }: Settings): Promise<Record<string, Finding>> {
  const workers = Object.entries(runFile.content?.metrics ?? {}).filter(([name]) =>
    name.startsWith('worker'),
  );
  const findings = workers.map(async ([name, metrics]): Promise<[string, Finding]> => {
    const address = new URL('/readyz', metrics);
    const response = await fetch(address, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(
      () => undefined,
    );
    const finding = response
      ? readinessFinding(address.origin, (await response.json()) as Readiness)
      : unreachable(
          `nobody answers at ${address.origin}`,
          `The process has ended: 'npm run worker' starts one`,
        );
    return [name, finding];
  });
  return Object.fromEntries(await Promise.all(findings));
}

function readinessFinding(where: string, { status, dependencies }: Readiness): Finding {
  if (status === 'ready') return ok(`ready at ${where}`);
  const down = Object.entries(dependencies).filter(([, state]) => state === 'down');
  const names = down.map(([name]) => name).join(' and ');
  return wrong(`${where} is ${status}`, names ? `It does not reach ${names}` : `It is ${status}: ask again`);
}

export async function examineGrpc({ grpc, runFile }: Settings): Promise<Finding> {
  if (await answersGrpc(grpc)) return ok(`answers at ${grpc}`);
  return unreachable(
    `nobody answers at ${grpc}`,
    runFile.content
      ? `${runFile.path} may be stale; 'npm start'`
      : "'npm start', or set GRPC_HOST and GRPC_PORT",
  );
}

export async function examineChimera({ variables }: Settings): Promise<Finding> {
  const { CHIMERA_ADDRESS: address } = variables;
  if (address === undefined) return wrong('CHIMERA_ADDRESS is not set', "Set it to Chimera's host:port");
  return (await answersGrpc(address))
    ? ok(`answers at ${address}`)
    : unreachable(
        `nobody answers at ${address}`,
        'Customers are onboarded and payments recovered all the same; CHIMERA_ADDRESS says where it is',
      );
}

export async function examineGateway({ variables }: Settings): Promise<Finding> {
  const { STRIPE_API_KEY: apiKey, STRIPE_API_BASE: apiBase, STRIPE_API_VERSION: apiVersion } = variables;
  if (apiKey === undefined)
    return wrong('STRIPE_API_KEY is not set', "Set it to Stripe's secret key (sk_test_… in test mode)");
  const options = { apiKey, apiBase, apiVersion };
  try {
    await stripeClient(options).charges.list({ limit: 1 });
  } catch (error) {
    throw gatewayFault(error, options);
  }
  const unreadable = await unreadableWith(options);
  const place = apiBase ?? 'https://api.stripe.com';
  if (unreadable.length === 0) return ok(`${place} takes the key`);
  return wrong(
    `the key may not read ${unreadable.join(', ')} at ${place}`,
    'Let the restricted key read them: until then what the gateway says of them waits, and what it is about is charged on',
  );
}

/** A mandate is only read by its name: of one that there is not, who may read them is told so. */
const NO_MANDATE = 'mandate_persona_doctor';

/** What only the gateway's own news make it read: nobody else would notice that the key may not. */
async function unreadableWith(options: StripeOptions): Promise<string[]> {
  const stripe = stripeClient(options);
  const readings: [what: string, reading: () => Promise<unknown>][] = [
    ['disputes', () => stripe.disputes.list({ limit: 1 })],
    ['early fraud warnings', () => stripe.radar.earlyFraudWarnings.list({ limit: 1 })],
    ['mandates', () => stripe.mandates.retrieve(NO_MANDATE)],
  ];
  const found = await Promise.all(
    readings.map(async ([what, reading]) => ((await isPermitted(reading, options)) ? [] : [what])),
  );
  return found.flat();
}

async function isPermitted(reading: () => Promise<unknown>, options: StripeOptions): Promise<boolean> {
  try {
    await reading();
  } catch (error) {
    if (error instanceof Stripe.errors.StripePermissionError) return false;
    const isMissing = error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404;
    if (!isMissing) throw gatewayFault(error, options);
  }
  return true;
}

/** A connection and no more: whoever posts a notice has sent one. */
export async function examineNotifier({ variables }: Settings): Promise<Finding> {
  const address = variables.NOTIFY_WEBHOOK_URL ?? variables.NOTIFY_SMTP_URL;
  if (address === undefined)
    return wrong('NOTIFY_WEBHOOK_URL is not set', 'Set it to where notices are to be posted');
  const { protocol, hostname, port, host } = new URL(address);
  const usual = { 'https:': 443, 'smtp:': 587, 'smtps:': 465 }[protocol] ?? 80;
  const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || usual) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PATIENCE_MS) });
    return ok(`${host} takes connections`);
  } catch (error) {
    return unreachable(
      `${host} takes no connection: ${reasonOf(error)}`,
      'Notices are repeated for three days; NOTIFY_WEBHOOK_URL says where they go',
    );
  } finally {
    socket.destroy();
  }
}

async function answersGrpc(address: string): Promise<boolean> {
  const client = new Client(address, credentials.createInsecure());
  try {
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + PATIENCE_MS, (error) => (error ? reject(error) : resolve()));
    });
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}
