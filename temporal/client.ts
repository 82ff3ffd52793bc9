/** Opens and connects Temporal clients. */

import { Client, type ClientOptions, Connection } from '@temporalio/client';
import { PersonaError } from '../domain/errors.ts';
import type { PayloadKey } from '../security/payload-cipher.ts';
import type { TemporalAddress } from './address.ts';
import { createDataConverter } from './codec.ts';
import { findTlsProblem } from './tls-problem.ts';

/** Longer than a healthy server needs to accept a connection. */
const CONNECT_TIMEOUT_MS = 5_000;
/** gRPC would wait longer and longer, up to two minutes: reports would wait that long after Temporal is back. */
const MAX_RECONNECT_MS = 2_000;

type TemporalOptions = TemporalAddress & { codecKeys: readonly PayloadKey[] | 'none' } & Pick<
    ClientOptions,
    'identity' | 'interceptors'
  >;

/**
 * A client that connects with its first call, and reconnects when the server is back. Close it with
 * `client.connection.close()`.
 *
 * @param options.codecKeys the first key encrypts, all keys decrypt; `none`: for clients that send plain payloads, which
 *   Persona's workers accept, and that read no result
 */
export function openTemporal(options: TemporalOptions): Client {
  const { address, namespace, apiKey, tls, codecKeys, ...rest } = options;
  const dataConverter = codecKeys === 'none' ? undefined : createDataConverter(codecKeys);
  const connection = Connection.lazy({
    address,
    apiKey,
    tls: tls ?? apiKey !== undefined,
    connectTimeout: CONNECT_TIMEOUT_MS,
    channelArgs: { 'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_MS },
  });
  return new Client({ connection, namespace, dataConverter, ...rest });
}

/**
 * Opens a client and waits until it is connected and its namespace exists.
 * @throws PersonaError temporal_unavailable, saying what is missing and how to start it
 */
export async function connectTemporal(options: TemporalOptions): Promise<Client> {
  const client = openTemporal(options);
  try {
    await reachTemporal(options, async () => {
      await client.connection.ensureConnected();
      await client.workflowService.describeNamespace({ namespace: options.namespace });
    });
  } catch (error) {
    await client.connection.close();
    throw error;
  }
  return client;
}

/**
 * Runs a first call to the server, and explains a failure: server down, namespace missing, or a wrong certificate,
 * with what fixes it.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function reachTemporal<T>(options: TemporalAddress, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw new PersonaError('temporal_unavailable', await explain(options, cause), { cause });
  }
}

async function explain(options: TemporalAddress, cause: unknown): Promise<string> {
  const { address, namespace } = options;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (/namespace .*not found/i.test(reason))
    return (
      `Temporal at ${address} has no namespace '${namespace}' (TEMPORAL_NAMESPACE). ` +
      `Create it: temporal operator namespace create --namespace ${namespace} --address ${address}`
    );
  const tlsProblem = await findTlsProblem(options);
  if (tlsProblem !== undefined) return `Temporal cannot be reached at ${address}: ${tlsProblem}`;
  return (
    `Temporal is unreachable at ${address} (TEMPORAL_ADDRESS): ${reason}. ` +
    `Start a local server with 'npm start' or 'temporal server start-dev'`
  );
}
