/** Where Temporal is, and a client that has reached it. */

import { Client, type ClientOptions, Connection } from '@temporalio/client';
import { PersonaError } from '../domain/errors.ts';
import type { PayloadKey } from '../security/payload-cipher.ts';
import { createDataConverter } from './codec.ts';

export interface TemporalAddress {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
  /** Temporal Cloud's key; implies TLS. */
  readonly apiKey?: string;
  /** `true`: the system's certificate authorities. */
  readonly tls?:
    | boolean
    | { serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
}

/** Opening takes longer than a healthy server ever needs; after that nobody is there. */
const CONNECT_TIMEOUT_MS = 5_000;

type TemporalOptions = TemporalAddress & { codecKeys: readonly PayloadKey[] | 'none' } & Pick<
    ClientOptions,
    'identity' | 'interceptors'
  >;

/**
 * A client that connects with its first call, and again whenever the server is back. Close it with
 * `client.connection.close()`.
 *
 * @param options.codecKeys the first one encrypts, all of them decrypt; `none`: for clients that send plain payloads, which
 *   Persona's workers understand, and read no answer
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
 * The same, once it has reached the server.
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
 * Runs a first call to the server and says in plain words what is missing when it fails.
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
        : `Temporal does not answer at ${address} (TEMPORAL_ADDRESS): ${reason}. ` +
            `'npm start' brings up a local one; so does 'temporal server start-dev'`,
      { cause },
    );
  }
}
