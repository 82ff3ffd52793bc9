/** Opens and connects Temporal clients. */

import { Client, type ClientOptions, Connection } from '@temporalio/client';
import { PersonaError } from '../domain/errors.ts';
import type { PayloadKey } from '../security/payload-cipher.ts';
import { createDataConverter } from './codec.ts';

export interface TemporalAddress {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
  /** The API key of Temporal Cloud; implies TLS. */
  readonly apiKey?: string;
  /** `true`: the system's certificate authorities. */
  readonly tls?:
    | boolean
    | { serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
}

/** Longer than a healthy server needs to accept a connection. */
const CONNECT_TIMEOUT_MS = 5_000;

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
 * Runs a first call to the server, and explains a failure: server down or namespace missing, with the command to fix it.
 *
 * @throws PersonaError temporal_unavailable
 */
export async function reachTemporal<T>(
  { address, namespace }: TemporalAddress,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PersonaError(
      'temporal_unavailable',
      /namespace .*not found/i.test(reason)
        ? `Temporal at ${address} has no namespace '${namespace}' (TEMPORAL_NAMESPACE). ` +
            `Create it: temporal operator namespace create --namespace ${namespace} --address ${address}`
        : `Temporal is unreachable at ${address} (TEMPORAL_ADDRESS): ${reason}. ` +
            `Start a local server with 'npm start' or 'temporal server start-dev'`,
      { cause },
    );
  }
}
