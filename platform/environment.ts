/**
 * Configuration comes from environment variables only (docs/reference/policy.md, 'Environment variables'). Each process reads
 * its variables at startup, and one message lists all problems.
 */

import { z } from 'zod';
import type { Secret } from './secret.ts';
import { apiVariables, commonVariables, type RawRingKey, workerVariables } from './variables.ts';

export interface CommonEnvironment {
  logLevel: string;
  metrics: { host: string; port: number };
  policyFile?: string;
  neo4j: { uri: string; username: string; password: Secret<string>; database: string };
  temporal: {
    address: string;
    namespace: string;
    apiKey?: Secret<string>;
    tls?: boolean | { serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
  };
  /** Absent: API processes share no contexts. */
  redisUrl?: Secret<string>;
  /** Absent: nothing is published to Kafka. */
  kafka?: KafkaEnvironment;
  /** Absent: no traces are exported. */
  traces?: TraceEnvironment;
  /** The first key of each ring is used for writing. */
  keys: Secret<readonly RawRingKey[]>;
  blindKeys: Secret<readonly RawRingKey[]>;
  codecKeys: Secret<readonly RawRingKey[]>;
  /** By whose hash the ids of erased customers are recognised; absent: erasure is refused. */
  erasureKeys?: Secret<readonly RawRingKey[]>;
  /** The file of the erasure journal; absent: nothing can be erased. */
  erasureJournal?: string;
}

/** What is required to read and verify the graph. */
export type GraphEnvironment = Pick<CommonEnvironment, 'neo4j' | 'keys' | 'blindKeys' | 'erasureKeys'>;

export interface ApiEnvironment extends CommonEnvironment {
  /** Without `tls`: plain text. */
  http: { host: string; port: number; tls?: { cert: string; key: string } };
  grpc: { host: string; port: number; tls?: { cert: string; key: string; ca: string } };
  /** The issuer of access tokens; absent: callers are not authenticated (PERSONA_INSECURE). */
  auth?: { issuer: string; audience: string; jwksUrl: string };
  /** Requests of one caller per minute, by its kind; 0: no limit. */
  rateLimits: { customer: number; service: number; webhook: number; unauthenticated: number };
  stripeWebhookSecret: Secret<string>;
  /** Absent: Chimera is not notified of trusted devices. */
  chimeraAddress?: string;
  /** Absent: personas cannot be asked. */
  model?: { base: string; apiKey?: Secret<string>; model: string };
  /** Absent: personas are asked without it. */
  retrievalBase?: string;
  /** Absent: no codec server. */
  codec?: { port: number; origins: readonly string[] };
}

export interface KafkaEnvironment {
  /** host:port each. */
  brokers: readonly string[];
  /** Absent: plain text. */
  tls?: { ca?: Buffer; cert?: Buffer; key?: Buffer };
  sasl?: {
    mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    username: string;
    password: Secret<string>;
  };
  /** Absent: values are in Avro's single-object encoding. */
  schemaRegistry?: SchemaRegistryEnvironment;
}

export interface SchemaRegistryEnvironment {
  /** With user and password, and the path of its API. */
  url: Secret<string>;
  /** The authority of its certificate (PEM); absent: the system's. */
  ca?: Buffer;
}

export interface TraceEnvironment {
  /** http or https, without the path of OTLP's traces. */
  endpoint: string;
  serviceName: string;
}

export interface WorkerEnvironment extends CommonEnvironment {
  workerVersioning: boolean;
  stripe: { apiKey: Secret<string>; apiBase?: string; apiVersion?: string };
  notify:
    | { by: 'webhook'; url: string; secret: Secret<string> }
    | { by: 'smtp'; url: Secret<string>; from: string };
  chimeraAddress: string;
}

export type ConsumerEnvironment = CommonEnvironment & { kafka: KafkaEnvironment };

type Variables = Readonly<Record<string, string | undefined>>;

const commonSchema = z.object(commonVariables);
const graphSchema = commonSchema.pick({
  NEO4J_URI: true,
  NEO4J_USERNAME: true,
  NEO4J_PASSWORD: true,
  NEO4J_DATABASE: true,
  PERSONA_KEYS: true,
  PERSONA_BLIND_KEYS: true,
  PERSONA_ERASURE_KEY: true,
});
const temporalSchema = commonSchema.pick({
  TEMPORAL_ADDRESS: true,
  TEMPORAL_NAMESPACE: true,
  TEMPORAL_API_KEY: true,
  TEMPORAL_TLS: true,
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: true,
  TEMPORAL_TLS_CLIENT_CERT_PATH: true,
  TEMPORAL_TLS_CLIENT_KEY_PATH: true,
});
const kafkaSchema = commonSchema.pick({
  KAFKA_BROKERS: true,
  KAFKA_TLS: true,
  KAFKA_TLS_CA_CERT_PATH: true,
  KAFKA_TLS_CLIENT_CERT_PATH: true,
  KAFKA_TLS_CLIENT_KEY_PATH: true,
  KAFKA_SASL_MECHANISM: true,
  KAFKA_SASL_USERNAME: true,
  KAFKA_SASL_PASSWORD: true,
  SCHEMA_REGISTRY_URL: true,
  SCHEMA_REGISTRY_TLS_CA_CERT_PATH: true,
});
const journalSchema = commonSchema.pick({ PERSONA_ERASURE_JOURNAL: true });
const codecSchema = commonSchema.pick({ TEMPORAL_CODEC_KEYS: true });
const apiSchema = z.object({ ...commonVariables, ...apiVariables });
const workerSchema = z.object({ ...commonVariables, ...workerVariables });
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

/** All problems of the environment. */
export class EnvironmentError extends Error {
  /** Each begins with the names of the variables that it concerns. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `Environment variables are missing or invalid (see .env.example):\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
    this.name = 'EnvironmentError';
    this.problems = problems;
  }
}

/** @throws EnvironmentError naming every invalid variable */
export function readApiEnvironment(variables: Variables): ApiEnvironment {
  const values = read(apiSchema, variables, accessProblems);
  return {
    ...common(values, 'api'),
    ...accessOf(values),
    rateLimits: {
      customer: values.RATE_LIMIT_CUSTOMER,
      service: values.RATE_LIMIT_SERVICE,
      webhook: values.RATE_LIMIT_WEBHOOK,
      unauthenticated: values.RATE_LIMIT_UNAUTHENTICATED,
    },
    stripeWebhookSecret: values.STRIPE_WEBHOOK_SECRET,
    chimeraAddress: values.CHIMERA_ADDRESS,
    ...modelOf(values),
    ...(values.RETRIEVAL_API_BASE && { retrievalBase: values.RETRIEVAL_API_BASE }),
    ...(values.CODEC_PORT !== undefined && {
      codec: { port: values.CODEC_PORT, origins: values.CODEC_ORIGINS },
    }),
  };
}

/** @throws EnvironmentError naming every invalid variable */
export function readWorkerEnvironment(variables: Variables): WorkerEnvironment {
  const values = read(workerSchema, variables, notifyProblems);
  return {
    ...common(values, 'worker'),
    workerVersioning: values.TEMPORAL_WORKER_VERSIONING,
    stripe: {
      apiKey: values.STRIPE_API_KEY,
      apiBase: values.STRIPE_API_BASE,
      apiVersion: values.STRIPE_API_VERSION,
    },
    notify: notifyOf(values),
    chimeraAddress: values.CHIMERA_ADDRESS,
  };
}

/** @throws EnvironmentError naming every invalid variable */
export function readConsumerEnvironment(variables: Variables): ConsumerEnvironment {
  const { kafka, ...environment } = common(read(commonSchema, variables, requireKafka), 'consumer');
  if (kafka === undefined) throw new Error('requireKafka must have refused an environment without Kafka');
  return { ...environment, kafka };
}

const requireKafka = ({ KAFKA_BROKERS }: Variables) =>
  KAFKA_BROKERS ? [] : ['KAFKA_BROKERS: is missing; without Kafka there is nothing to consume'];

/** @throws EnvironmentError naming every invalid variable */
export function readGraphEnvironment(variables: Variables): GraphEnvironment {
  const values = read(graphSchema, variables, () => []);
  return {
    neo4j: neo4jOf(values),
    keys: values.PERSONA_KEYS,
    blindKeys: values.PERSONA_BLIND_KEYS,
    ...(values.PERSONA_ERASURE_KEY && { erasureKeys: values.PERSONA_ERASURE_KEY }),
  };
}

/** The graph, and the erasure journal. @throws EnvironmentError naming every invalid variable */
export function readErasureEnvironment(
  variables: Variables,
): GraphEnvironment & Pick<CommonEnvironment, 'erasureJournal'> {
  const { PERSONA_ERASURE_JOURNAL } = read(journalSchema, variables, () => []);
  return {
    ...readGraphEnvironment(variables),
    ...(PERSONA_ERASURE_JOURNAL && { erasureJournal: PERSONA_ERASURE_JOURNAL }),
  };
}

/** @throws EnvironmentError naming every invalid variable */
export function readTemporalEnvironment(variables: Variables): CommonEnvironment['temporal'] {
  return temporalOf(read(temporalSchema, variables, () => []));
}

/** `undefined`: Kafka is not configured. @throws EnvironmentError naming every invalid variable */
export function readKafkaEnvironment(variables: Variables): KafkaEnvironment | undefined {
  return kafkaOf(read(kafkaSchema, variables, () => []));
}

/** @throws EnvironmentError if the keys are missing or malformed */
export function readCodecKeys(variables: Variables): Secret<readonly RawRingKey[]> {
  return read(codecSchema, variables, () => []).TEMPORAL_CODEC_KEYS;
}

/**
 * Callers are authenticated and connections encrypted, or PERSONA_INSECURE is set, which serves only this machine and
 * never in production (docs/reference/security.md, 'Who may call').
 */
function accessProblems(given: Variables): string[] {
  const isLoopback = (host: string | undefined) => host === undefined || LOOPBACK.test(host);
  if (given.PERSONA_INSECURE === '1') {
    const hosts = (['HTTP_HOST', 'GRPC_HOST'] as const).filter((name) => !isLoopback(given[name]));
    return [
      ...(given.NODE_ENV === 'production'
        ? ['PERSONA_INSECURE: is refused with NODE_ENV=production: callers would not be authenticated']
        : []),
      ...hosts.map(
        (name) => `${name}: must be a loopback address such as 127.0.0.1, as PERSONA_INSECURE is set`,
      ),
    ];
  }
  const required = [
    'AUTH_ISSUER',
    'AUTH_JWKS_URL',
    'AUTH_AUDIENCE',
    'GRPC_TLS_CERT',
    'GRPC_TLS_KEY',
    'GRPC_TLS_CA',
  ];
  if (!isLoopback(given.HTTP_HOST) || given.HTTP_TLS_CERT || given.HTTP_TLS_KEY)
    required.push('HTTP_TLS_CERT', 'HTTP_TLS_KEY');
  const missing = required.filter((name) => !given[name]);
  return [
    ...missing.map(
      (name) => `${name}: is missing; on this machine alone, PERSONA_INSECURE=1 does without it`,
    ),
    ...(given.PERSONA_INSECURE ? ['PERSONA_INSECURE: must be 1 or not be set'] : []),
  ];
}

/** After `accessProblems` has found none. */
function accessOf(values: z.output<typeof apiSchema>): Pick<ApiEnvironment, 'http' | 'grpc' | 'auth'> {
  const http = { host: values.HTTP_HOST, port: values.HTTP_PORT };
  const grpc = { host: values.GRPC_HOST, port: values.GRPC_PORT };
  if (values.PERSONA_INSECURE === '1') return { http, grpc };
  const { HTTP_TLS_CERT, HTTP_TLS_KEY, AUTH_ISSUER = '', AUTH_AUDIENCE = '', AUTH_JWKS_URL = '' } = values;
  const { GRPC_TLS_CERT = '', GRPC_TLS_KEY = '', GRPC_TLS_CA = '' } = values;
  return {
    http: {
      ...http,
      ...(HTTP_TLS_CERT && HTTP_TLS_KEY && { tls: { cert: HTTP_TLS_CERT, key: HTTP_TLS_KEY } }),
    },
    grpc: { ...grpc, tls: { cert: GRPC_TLS_CERT, key: GRPC_TLS_KEY, ca: GRPC_TLS_CA } },
    auth: { issuer: AUTH_ISSUER, audience: AUTH_AUDIENCE, jwksUrl: AUTH_JWKS_URL },
  };
}

function modelOf({
  MODEL_API_BASE: base,
  MODEL_API_KEY: apiKey,
  MODEL_NAME: model,
}: z.output<typeof apiSchema>): Pick<ApiEnvironment, 'model'> {
  if (base === undefined || model === undefined) return {};
  return { model: { base, model, ...(apiKey && { apiKey }) } };
}

/** The receiver of notices is either a webhook or a mail server, each configured by two variables. */
function notifyProblems(given: Variables): string[] {
  const pairs = [
    ['NOTIFY_WEBHOOK_URL', 'NOTIFY_WEBHOOK_SECRET'],
    ['NOTIFY_SMTP_URL', 'NOTIFY_FROM'],
  ] as const;
  if (pairs.every(([url]) => !given[url])) {
    return [
      'NOTIFY_WEBHOOK_URL, NOTIFY_SMTP_URL: one of them must be set to send notices, the first with NOTIFY_WEBHOOK_SECRET, the second with NOTIFY_FROM',
    ];
  }
  return pairs.flatMap(([url, other]) =>
    given[url] && !given[other] ? [`${other}: is missing; ${url} requires it`] : [],
  );
}

function notifyOf(values: z.output<typeof workerSchema>): WorkerEnvironment['notify'] {
  const { NOTIFY_WEBHOOK_URL, NOTIFY_WEBHOOK_SECRET, NOTIFY_SMTP_URL, NOTIFY_FROM } = values;
  if (NOTIFY_WEBHOOK_URL && NOTIFY_WEBHOOK_SECRET)
    return { by: 'webhook', url: NOTIFY_WEBHOOK_URL, secret: NOTIFY_WEBHOOK_SECRET };
  if (NOTIFY_SMTP_URL && NOTIFY_FROM) return { by: 'smtp', url: NOTIFY_SMTP_URL, from: NOTIFY_FROM };
  throw new Error('notifyProblems must have refused an environment without a receiver of notices');
}

function common(
  values: z.output<typeof commonSchema>,
  process: 'api' | 'worker' | 'consumer',
): CommonEnvironment {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: serviceName } = values;
  return {
    logLevel: values.LOG_LEVEL,
    metrics: { host: values.METRICS_HOST, port: values.METRICS_PORT },
    policyFile: values.PERSONA_POLICY_FILE,
    neo4j: neo4jOf(values),
    temporal: temporalOf(values),
    ...(values.REDIS_URL && { redisUrl: values.REDIS_URL }),
    ...(values.KAFKA_BROKERS && { kafka: kafkaOf(values) }),
    ...(endpoint && { traces: { endpoint, serviceName: serviceName ?? `persona-${process}` } }),
    keys: values.PERSONA_KEYS,
    blindKeys: values.PERSONA_BLIND_KEYS,
    codecKeys: values.TEMPORAL_CODEC_KEYS,
    ...(values.PERSONA_ERASURE_KEY && { erasureKeys: values.PERSONA_ERASURE_KEY }),
    ...(values.PERSONA_ERASURE_JOURNAL && { erasureJournal: values.PERSONA_ERASURE_JOURNAL }),
  };
}

function neo4jOf(values: z.output<typeof graphSchema>): CommonEnvironment['neo4j'] {
  return {
    uri: values.NEO4J_URI,
    username: values.NEO4J_USERNAME,
    password: values.NEO4J_PASSWORD,
    database: values.NEO4J_DATABASE,
  };
}

function temporalOf(values: z.output<typeof temporalSchema>): CommonEnvironment['temporal'] {
  const { TEMPORAL_TLS_CLIENT_CERT_PATH: crt, TEMPORAL_TLS_CLIENT_KEY_PATH: key } = values;
  const certificates = {
    ...(values.TEMPORAL_TLS_SERVER_CA_CERT_PATH && {
      serverRootCACertificate: values.TEMPORAL_TLS_SERVER_CA_CERT_PATH,
    }),
    ...(crt && key && { clientCertPair: { crt, key } }),
  };
  return {
    address: values.TEMPORAL_ADDRESS,
    namespace: values.TEMPORAL_NAMESPACE,
    apiKey: values.TEMPORAL_API_KEY,
    tls: Object.keys(certificates).length > 0 ? certificates : values.TEMPORAL_TLS,
  };
}

function kafkaOf(values: z.output<typeof kafkaSchema>): KafkaEnvironment | undefined {
  const { KAFKA_BROKERS: brokers, KAFKA_TLS_CA_CERT_PATH: ca } = values;
  const { KAFKA_TLS_CLIENT_CERT_PATH: cert, KAFKA_TLS_CLIENT_KEY_PATH: key } = values;
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username } = values;
  const { KAFKA_SASL_PASSWORD: password } = values;
  const { SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_TLS_CA_CERT_PATH: registryCa } = values;
  if (brokers === undefined) return undefined;
  const files = { ...(ca && { ca }), ...(cert && key && { cert, key }) };
  return {
    brokers,
    ...((values.KAFKA_TLS || Object.keys(files).length > 0) && { tls: files }),
    ...(mechanism && username && password && { sasl: { mechanism, username, password } }),
    ...(url && { schemaRegistry: { url, ...(registryCa && { ca: registryCa }) } }),
  };
}

function read<T extends z.ZodObject>(
  schema: T,
  variables: Variables,
  crossFieldProblems: (given: Variables) => readonly string[],
): z.output<T> {
  // `NAME=` in a shell or an env file means 'not set'.
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value?.trim()));
  const result = schema.safeParse(given);
  const problems = result.success ? [] : result.error.issues.map((issue) => describe(schema, given, issue));
  problems.push(...pairProblems(given), ...crossFieldProblems(given));
  if (!result.success || problems.length > 0) throw new EnvironmentError(problems);
  return result.data;
}

const TOGETHER = [
  ['MODEL_API_BASE', 'MODEL_NAME'],
  ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH'],
  ['KAFKA_TLS_CLIENT_CERT_PATH', 'KAFKA_TLS_CLIENT_KEY_PATH'],
  ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'],
] as const;

function pairProblems(given: Variables): string[] {
  return TOGETHER.filter((names) => new Set(names.map((name) => Boolean(given[name]))).size > 1).map(
    (names) => `${names.join(', ')}: must be set together`,
  );
}

function describe(schema: z.ZodObject, given: Variables, issue: z.core.$ZodIssue): string {
  const name = String(issue.path[0]);
  if (given[name] !== undefined) return `${name}: ${issue.message}`;
  return `${name}: is missing. ${schema.shape[name]?.description ?? ''}`;
}
