/** Every environment variable that Persona's processes read, with its rule, default and purpose. */

import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Secret } from './secret.ts';

const KEY_BYTES = 32;
const KEY = /^([A-Za-z0-9._-]{1,32}):([A-Za-z0-9+/_-]+={0,2})$/;

/** One key of a ring; the first one is used for writing, all of them for reading. */
export interface RawRingKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

const secretText = z
  .string()
  .min(1)
  .transform((value) => new Secret(value));
const hostAndPort = z
  .string()
  .regex(/^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, 'must be host:port, such as 127.0.0.1:7233');
const port = z
  .string()
  .regex(/^\d+$/, 'must be a port number; 0: any free port')
  .transform(Number)
  .pipe(z.number().max(65_535, 'must be a port number, at most 65535'));
const perMinute = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a number of requests per minute; 0: no limit')
  .transform(Number);
/** `billing@shop.example`, or with a name before it: `Shop <billing@shop.example>`. */
const SENDER = /^([^<>@\p{Cc}]*<[^\s<>@]+@[A-Za-z0-9.-]+>|[^\s<>@]+@[A-Za-z0-9.-]+)$/u;
const webAddress = z.url({ protocol: /^https?$/, error: 'must be an http or https address' });
const LOOPBACK_URL = /^http:\/\/(127(\.\d{1,3}){3}|\[::1\]|localhost)(:\d+)?(\/|$)/;
const fileContent = z.string().transform((path, context) => {
  try {
    return readFileSync(path);
  } catch (error) {
    context.addIssue({
      code: 'custom',
      message: `cannot be read: ${error instanceof Error ? error.message : error}`,
    });
    return z.NEVER;
  }
});
const keyRing = z.string().transform((text, context) => {
  const problem = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  const keys: RawRingKey[] = [];
  for (const [index, part] of text.split(',').entries()) {
    const [, id, base64] = KEY.exec(part.trim()) ?? [];
    // The text itself is never repeated, because it contains a key.
    if (id === undefined || base64 === undefined)
      return problem(
        `entry ${index + 1} must be id:base64 or id:kms:base64, the id of at most 32 of A-Z a-z 0-9 . _ -`,
      );
    const key = Buffer.from(base64, 'base64');
    if (key.length !== KEY_BYTES)
      return problem(`key '${id}' must be ${KEY_BYTES} bytes in base64; it has ${key.length}`);
    if (keys.some((other) => other.id === id)) return problem(`has two keys named '${id}'`);
    keys.push({ id, key });
  }
  return new Secret<readonly RawRingKey[]>(keys);
});

export const commonVariables = {
  NODE_ENV: z.string().optional().describe('`production` refuses PERSONA_INSECURE'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('Lowest level of the log lines that are written'),
  METRICS_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('Address of /metrics and the probes; 0.0.0.0 makes them reachable from outside a pod'),
  METRICS_PORT: port.default(9464).describe('Port of /metrics and the probes; 0: any free port'),
  PERSONA_POLICY_FILE: z
    .string()
    .optional()
    .describe('A JSON file whose values override those of config/policy.json'),

  NEO4J_URI: z
    .string()
    .regex(/^(bolt|neo4j)(\+s|\+ssc)?:\/\/.+/, 'must be a bolt:// or neo4j:// address')
    .describe('Address of Neo4j, such as bolt://127.0.0.1:7687'),
  NEO4J_USERNAME: z.string().default('neo4j').describe('User name at Neo4j'),
  NEO4J_PASSWORD: secretText.describe("The Neo4j user's password"),
  NEO4J_DATABASE: z.string().default('neo4j').describe('The database that holds the graph'),

  TEMPORAL_ADDRESS: hostAndPort.describe("Temporal's frontend, such as 127.0.0.1:7233"),
  TEMPORAL_NAMESPACE: z.string().default('default').describe('Temporal namespace of the processes'),
  TEMPORAL_API_KEY: secretText.optional().describe('API key of Temporal Cloud; enables TLS'),
  TEMPORAL_TLS: z.stringbool().optional().describe('`true`: connect to Temporal with TLS'),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: fileContent
    .optional()
    .describe("File with the CA certificate of Temporal's server (PEM); absent: the system's CAs"),
  TEMPORAL_TLS_CLIENT_CERT_PATH: fileContent
    .optional()
    .describe('File with the client certificate for mutual TLS (PEM)'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: fileContent.optional().describe("File with that certificate's key (PEM)"),

  REDIS_URL: z
    .url({ protocol: /^rediss?$/, hostname: /./, error: 'must be a redis:// or rediss:// address' })
    .transform((value) => new Secret(value))
    .optional()
    .describe(
      'Redis that API processes share customers’ contexts in, such as redis://127.0.0.1:6379; absent: each has its own cache',
    ),

  KAFKA_BROKERS: z
    .string()
    .transform((text) => text.split(',').map((broker) => broker.trim()))
    .pipe(z.array(hostAndPort))
    .optional()
    .describe('Kafka, host:port,…, such as 127.0.0.1:9092; absent: nothing is published'),
  KAFKA_TLS: z.stringbool().optional().describe('`true`: connect to Kafka with TLS'),
  KAFKA_TLS_CA_CERT_PATH: fileContent
    .optional()
    .describe("File with the CA certificate of Kafka's brokers (PEM); absent: the system's CAs"),
  KAFKA_TLS_CLIENT_CERT_PATH: fileContent
    .optional()
    .describe('File with the client certificate for Kafka (PEM)'),
  KAFKA_TLS_CLIENT_KEY_PATH: fileContent.optional().describe("File with that certificate's key (PEM)"),
  KAFKA_SASL_MECHANISM: z
    .enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
    .optional()
    .describe('How Persona signs in to Kafka: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; absent: it does not'),
  KAFKA_SASL_USERNAME: z.string().optional().describe('User name at Kafka'),
  KAFKA_SASL_PASSWORD: secretText.optional().describe("The Kafka user's password"),
  SCHEMA_REGISTRY_URL: webAddress
    .transform((value) => new Secret(value))
    .optional()
    .describe(
      "Schema registry of Kafka's topics, such as https://user:password@registry.example; absent: Avro's single-object encoding instead of Confluent's wire format",
    ),
  SCHEMA_REGISTRY_TLS_CA_CERT_PATH: fileContent
    .optional()
    .describe("File with the CA certificate of the schema registry (PEM); absent: the system's CAs"),

  OTEL_EXPORTER_OTLP_ENDPOINT: webAddress
    .optional()
    .describe('OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318; absent: no traces'),
  OTEL_EXPORTER_OTLP_HEADERS: z
    .string()
    .regex(/^\s*[^=,\s]+\s*=[^,]+(,\s*[^=,\s]+\s*=[^,]+)*$/, 'must be name=value,…')
    .transform((value) => new Secret(value))
    .optional()
    .describe('Headers for that collector, such as its token: name=value,…'),
  OTEL_SERVICE_NAME: z
    .string()
    .optional()
    .describe('Name of the process in traces; absent: persona-api, persona-worker, persona-consumer'),

  PERSONA_KEYS: keyRing.describe(
    'Keys that wrap customers’ and devices’ data keys: id:base64,… (32 bytes each); the first one is used for writing',
  ),
  PERSONA_BLIND_KEYS: keyRing.describe(
    'Keys of the blind indexes for sealed values: id:base64,… (32 bytes each); the first one is used for writing',
  ),
  TEMPORAL_CODEC_KEYS: keyRing.describe(
    'Keys that encrypt every Temporal payload: id:base64,… (32 bytes each); the first one is used for writing',
  ),
  PERSONA_ERASURE_KEY: keyRing
    .optional()
    .describe(
      'Key by whose hash an erased customer’s id is recognised: id:base64 (32 bytes), never rotated away; absent: erasure is refused',
    ),
  PERSONA_ERASURE_JOURNAL: z
    .string()
    .optional()
    .describe(
      'File of the erasure journal, shared by all processes and outside Neo4j’s backups; without it erasure is refused',
    ),
};
/** Without a slash at the end. */
const apiBase = webAddress.transform((value) => value.replace(/\/+$/, ''));

export const apiVariables = {
  PERSONA_INSECURE: z
    .string()
    .optional()
    .describe('`1`: plain text and no authentication, on loopback addresses only; replaces the next eight'),
  AUTH_ISSUER: webAddress.optional().describe("Issuer of the access tokens: their 'iss'"),
  AUTH_JWKS_URL: webAddress
    .refine(
      (url) => url.startsWith('https:') || LOOPBACK_URL.test(url),
      'must be an https address: an attacker who changes the keys on their way could sign tokens',
    )
    .optional()
    .describe("URL of the issuer's keys (JWKS)"),
  AUTH_AUDIENCE: z.string().optional().describe("Audience of tokens for Persona: their 'aud'"),
  HTTP_TLS_CERT: z
    .string()
    .optional()
    .describe('File with the certificate of REST (PEM); absent, on a loopback address only: plain text'),
  HTTP_TLS_KEY: z.string().optional().describe("File with that certificate's key (PEM)"),
  GRPC_TLS_CERT: z.string().optional().describe('File with the certificate of gRPC (PEM)'),
  GRPC_TLS_KEY: z.string().optional().describe("File with that certificate's key (PEM)"),
  GRPC_TLS_CA: z
    .string()
    .optional()
    .describe('File with the authority of the agents’ client certificates (PEM)'),
  HTTP_HOST: z.string().default('127.0.0.1').describe('Address that REST listens on'),
  HTTP_PORT: port.default(8080).describe('Port of REST; 0: any free port'),
  GRPC_HOST: z.string().default('127.0.0.1').describe('Address that gRPC listens on'),
  GRPC_PORT: port.default(50_051).describe('Port of gRPC; 0: any free port'),
  CODEC_PORT: port
    .optional()
    .describe(
      "Loopback port of the codec server for Temporal's UI; absent: no codec server. 0: any free port",
    ),
  CODEC_ORIGINS: z
    .string()
    .default('http://127.0.0.1:8233,http://localhost:8233')
    .transform((text) => text.split(',').map((origin) => origin.trim()))
    .pipe(z.array(z.string().regex(/^https?:\/\/[^/\s]+$/, 'must be origins such as http://127.0.0.1:8233')))
    .describe("Origins of Temporal's UI; other pages may not call the codec server"),
  RATE_LIMIT_CUSTOMER: perMinute
    .default(6_000)
    .describe('Requests per minute that one customer may send to one API process; 0: no limit'),
  RATE_LIMIT_SERVICE: perMinute.default(1_200_000).describe('The same for a service; 0: no limit'),
  RATE_LIMIT_WEBHOOK: perMinute
    .default(60_000)
    .describe('The same for webhooks from one address; 0: no limit'),
  RATE_LIMIT_UNAUTHENTICATED: perMinute
    .default(600)
    .describe('The same for failed authentications from one address; 0: no limit'),
  STRIPE_WEBHOOK_SECRET: secretText.describe("Signing secret of Stripe's webhook endpoint (whsec_…)"),
  CHIMERA_ADDRESS: hostAndPort
    .optional()
    .describe("Chimera's gRPC address; absent: it is not notified of trusted devices at a checkout"),
  MODEL_API_BASE: apiBase
    .optional()
    .describe(
      'OpenAI-compatible server that answers for personas, such as https://api.openai.com/v1; absent: none',
    ),
  MODEL_API_KEY: secretText.optional().describe('Its key; absent: it needs none'),
  MODEL_NAME: z.string().optional().describe('Its model that answers'),
  RETRIEVAL_API_BASE: apiBase
    .optional()
    .describe('Retrieval engine that is asked before a persona is; absent: none'),
};

export const workerVariables = {
  TEMPORAL_WORKER_VERSIONING: z
    .stringbool()
    .default(false)
    .describe('`true`: workers receive tasks only once operations have made their build the current one'),
  STRIPE_API_KEY: secretText.describe("Stripe's secret key"),
  STRIPE_API_BASE: webAddress
    .optional()
    .describe(
      "Address of a gateway that implements Stripe's API, such as http://127.0.0.1:12111; absent: Stripe",
    ),
  STRIPE_API_VERSION: z
    .string()
    .optional()
    .describe("Stripe's API version; absent: the version that Persona is tested with"),
  NOTIFY_WEBHOOK_URL: webAddress
    .optional()
    .describe('URL that notices are posted to; takes precedence over NOTIFY_SMTP_URL'),
  NOTIFY_WEBHOOK_SECRET: secretText.optional().describe('Secret that signs posted notices'),
  NOTIFY_SMTP_URL: z
    .url({ protocol: /^smtps?$/, hostname: /./, error: 'must be an smtp:// or smtps:// address' })
    .transform((value) => new Secret(value))
    .optional()
    .describe('Mail server that notices are sent through: smtp://user:password@host:587 or smtps://…'),
  NOTIFY_FROM: z
    .string()
    .regex(SENDER, 'must be an address such as Shop <billing@shop.example>')
    .optional()
    .describe('Sender of notices by e-mail, such as Shop <billing@shop.example>'),
  CHIMERA_ADDRESS: hostAndPort.describe("Chimera's gRPC address, such as 127.0.0.1:50061"),
};

/** Read by the `persona` command and the local stack alone. */
export const commandVariables = {
  PERSONA_TOKEN: secretText
    .optional()
    .describe('Access token of the `persona` command; absent: one of the running local instance'),
  PERSONA_REPLAY_PASSWORD: secretText
    .optional()
    .describe("Password of the Neo4j that `persona replay` writes to; absent: this Neo4j's"),
  PERSONA_RUN_FILE: z
    .string()
    .optional()
    .describe('File that the local stack writes its addresses to; absent: .persona/run.json'),
  PERSONA_CACHE_DIR: z
    .string()
    .optional()
    .describe("Folder of downloaded servers; absent: a folder in the user's cache"),
};
