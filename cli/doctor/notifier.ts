import { once } from 'node:events';
import { connect } from 'node:net';
import { verifyMailServer } from '../../adapters/smtp/notifier.ts';
import { workerVariables } from '../../platform/variables.ts';
import { reasonOf } from '../rest.ts';
import type { Settings } from '../settings.ts';
import { type CheckResult, ok, unreachable, wrong } from './check.ts';

const TIMEOUT_MS = 15_000;
/** With both, notices are posted. */
const RECEIVERS = [
  ['NOTIFY_WEBHOOK_URL', 'NOTIFY_WEBHOOK_SECRET'],
  ['NOTIFY_SMTP_URL', 'NOTIFY_FROM'],
] as const;

/** Sends no notice: a webhook's host is only connected to; at a mail server the worker's login is tried. */
export async function checkNotifier({ variables }: Settings): Promise<CheckResult> {
  const receiver = RECEIVERS.find(([name]) => variables[name] !== undefined);
  if (receiver === undefined)
    return wrong(
      'NOTIFY_WEBHOOK_URL and NOTIFY_SMTP_URL are not set',
      'Set one of them, to where notices are sent',
    );
  for (const name of receiver) {
    const problem =
      variables[name] === undefined
        ? 'is not set'
        : workerVariables[name].safeParse(variables[name]).error?.issues[0]?.message;
    if (problem !== undefined) return wrong(`${name} ${problem}`, `Set ${receiver.join(' and ')}`);
  }
  const [name] = receiver;
  const url = variables[name] ?? '';
  const { host } = new URL(url);
  try {
    if (name === 'NOTIFY_SMTP_URL') {
      await verifyMailServer(url);
      return ok(`${host} accepts mail from this client`);
    }
    await connectTo(new URL(url));
    return ok(`${host} accepts connections`);
  } catch (error) {
    if (isLoginRefused(error))
      return wrong(
        `${host} refuses the login: ${reasonOf(error)}`,
        'Correct user and password in NOTIFY_SMTP_URL',
      );
    return unreachable(
      `${host} does not accept connections: ${reasonOf(error)}`,
      `Check ${name}. Notices are retried for three days`,
    );
  }
}

const isLoginRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'EAUTH';

async function connectTo({ protocol, hostname, port }: URL): Promise<void> {
  const defaultPort = protocol === 'https:' ? 443 : 80;
  const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || defaultPort) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } finally {
    socket.destroy();
  }
}
