/** How Persona's Kafka clients connect, and what their errors mean. */

import { Admin, type BaseOptions } from '@platformatic/kafka';
import { PersonaError } from '../../domain/errors.ts';
import type { KafkaEnvironment } from '../../platform/environment.ts';

export interface KafkaOptions {
  /** host:port each. */
  readonly brokers: readonly string[];
  /** Absent: plain text. `cert` and `key`: the client's certificate, in PEM. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  };
}

export function kafkaOptions({ brokers, tls, sasl }: KafkaEnvironment): KafkaOptions {
  return {
    brokers,
    ...(tls && { tls }),
    ...(sasl && { sasl: { ...sasl, password: sasl.password.reveal() } }),
  };
}

const CONNECT_MS = 5_000;
const REQUEST_MS = 15_000;
/** A few seconds in all: users of a client wait longer between their own attempts. */
const RETRIES = 6;
/** The first is short: a transaction's commit is completed a few milliseconds after it was acknowledged. */
const retryDelay = (_client: object, _operation: string, attempt: number) =>
  Math.min(2_000, 10 * 3 ** attempt);

/** @param retries default: as long as a leader's election may take */
export function clientOptions({ brokers, tls, sasl }: KafkaOptions, retries = RETRIES): BaseOptions {
  return {
    clientId: 'persona',
    bootstrapBrokers: [...brokers],
    connectTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    retries,
    retryDelay,
    ...(tls && { tls, tlsServerName: true }),
    ...(sasl && { sasl }),
  };
}

/** @throws PersonaError kafka_unavailable */
export async function verifyKafka(options: KafkaOptions): Promise<void> {
  const admin = new Admin(clientOptions(options, 0));
  try {
    await admin.metadata({ topics: [], forceUpdate: true });
  } catch (error) {
    throw kafkaUnavailable(options, error);
  } finally {
    await admin.close().catch(() => {});
  }
}

/** The innermost messages: the outer ones only say how often what was tried. */
export function kafkaUnavailable({ brokers }: Pick<KafkaOptions, 'brokers'>, error: unknown): PersonaError {
  const reasons = [...new Set(causesOf(error).map(({ message }) => message))].join('; ');
  const message = `Kafka at ${brokers.join(',')} is unavailable (${reasons}). Check ${toCheck(error)}.`;
  return new PersonaError('kafka_unavailable', message, { cause: error });
}

const SASL_ERRORS = ['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM'];

/** What the error is about. */
function toCheck(error: unknown): string {
  if (kafkaErrorNames(error).some((name) => SASL_ERRORS.includes(name)))
    return 'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD';
  if (kafkaErrorNames(error).some((name) => name.endsWith('_AUTHORIZATION_FAILED')))
    return "the rights of its user, docs/decisions/30-events-out.md, 'Consequences'";
  if (causesOf(error).some(({ message }) => message.includes('certificate')))
    return 'KAFKA_TLS_CA_CERT_PATH, and KAFKA_TLS_CLIENT_CERT_PATH if the brokers require one';
  return 'KAFKA_BROKERS and the other KAFKA_ variables';
}

/** Kafka's names of the errors in it, such as `MESSAGE_TOO_LARGE`. */
export function kafkaErrorNames(error: unknown): string[] {
  return causesOf(error).flatMap(({ apiId }) => (apiId === undefined ? [] : [apiId]));
}

/** The client reports it as an error of its caller, which has no name. */
export function isUnknownTopic(error: unknown): boolean {
  return (
    kafkaErrorNames(error).includes('UNKNOWN_TOPIC_OR_PARTITION') ||
    causesOf(error).some(({ message }) => message.startsWith('Unknown topic '))
  );
}

type Cause = Error & { apiId?: string };

function causesOf(error: unknown): Cause[] {
  if (!(error instanceof Error)) return [];
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.flatMap(causesOf);
  return error.cause instanceof Error ? causesOf(error.cause) : [error];
}
