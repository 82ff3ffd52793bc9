import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import {
  readApiEnvironment,
  readCodecKeys,
  readGraphEnvironment,
  readTemporalEnvironment,
  readWorkerEnvironment,
} from './environment.ts';
import { apiVariables, commandVariables, commonVariables, workerVariables } from './variables.ts';

const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const common = {
  NEO4J_URI: 'bolt://127.0.0.1:7687',
  NEO4J_PASSWORD: 'marked-password',
  TEMPORAL_ADDRESS: '127.0.0.1:7233',
  PERSONA_KEYS: `k2:${key(2)},k1:${key(1)}`,
  PERSONA_BLIND_KEYS: `b1:${key(3)}`,
  TEMPORAL_CODEC_KEYS: `c1:${key(4)}`,
};
const api = { ...common, PERSONA_INSECURE: '1', STRIPE_WEBHOOK_SECRET: 'whsec_marked' };
const worker = {
  ...common,
  STRIPE_API_KEY: 'sk_test_marked',
  NOTIFY_WEBHOOK_URL: 'http://127.0.0.1:9000/hook',
  NOTIFY_WEBHOOK_SECRET: 'marked-secret',
  CHIMERA_ADDRESS: '127.0.0.1:50061',
};

test('variables that are not set have their defaults', () => {
  expect(readApiEnvironment(api)).toMatchObject({
    http: { host: '127.0.0.1', port: 8080 },
    grpc: { host: '127.0.0.1', port: 50051 },
    metrics: { host: '127.0.0.1', port: 9464 },
    logLevel: 'info',
    neo4j: { username: 'neo4j', database: 'neo4j' },
    temporal: { address: '127.0.0.1:7233', namespace: 'default' },
  });
  expect(readWorkerEnvironment(worker)).toMatchObject({ chimeraAddress: '127.0.0.1:50061' });
});

test('only the API starts without Chimera', () => {
  const { CHIMERA_ADDRESS, ...withoutChimera } = worker;
  expect(readApiEnvironment(api).chimeraAddress).toBeUndefined();
  expect(readApiEnvironment({ ...api, CHIMERA_ADDRESS }).chimeraAddress).toBe(CHIMERA_ADDRESS);
  expect(() => readApiEnvironment({ ...api, CHIMERA_ADDRESS: 'nowhere' })).toThrow(
    'CHIMERA_ADDRESS: must be host:port',
  );
  expect(() => readWorkerEnvironment(withoutChimera)).toThrow('CHIMERA_ADDRESS: is missing');
});

test('key rings keep their order, since the first key is the one for writing', () => {
  const ring = readApiEnvironment(api).keys.reveal();
  expect(ring.map(({ id }) => id)).toEqual(['k2', 'k1']);
  expect(ring[0]?.key).toEqual(Buffer.alloc(32, 2));
});

test('one message lists all problems and no secret', () => {
  const variables = {
    ...api,
    NEO4J_URI: 'http://127.0.0.1:7474',
    NEO4J_PASSWORD: '',
    TEMPORAL_ADDRESS: 'nowhere',
    PERSONA_KEYS: 'k1:bWFya2VkLWtleQ==',
    PERSONA_BLIND_KEYS: `b1:${key(3)},b1:${key(5)}`,
    HTTP_PORT: '70000',
    LOG_LEVEL: 'loud',
    TEMPORAL_TLS_CLIENT_CERT_PATH: '/does/not/exist.pem',
  };
  const message = failure(() => readApiEnvironment(variables));
  for (const name of [
    'NEO4J_URI: must be a bolt:// or neo4j:// address',
    'NEO4J_PASSWORD: is missing',
    'TEMPORAL_ADDRESS: must be host:port',
    "PERSONA_KEYS: key 'k1' must be 32 bytes",
    "PERSONA_BLIND_KEYS: has two keys named 'b1'",
    'HTTP_PORT: must be a port number',
    'LOG_LEVEL: ',
    'TEMPORAL_TLS_CLIENT_CERT_PATH: cannot be read',
    'TEMPORAL_TLS_CLIENT_KEY_PATH: must be set together',
  ])
    expect(message).toContain(name);
  expect(message).not.toContain('bWFya2VkLWtleQ');
});

test.each([
  ['no-colon', 'entry 1 must be id:base64'],
  [`k1:${key(1)},k2:not base64`, 'entry 2 must be id:base64'],
  [`${'k'.repeat(33)}:${key(1)}`, 'entry 1 must be id:base64'],
])('a key ring like %j is refused with the position of the invalid entry', (ring, line) => {
  const message = failure(() => readApiEnvironment({ ...api, PERSONA_KEYS: ring }));
  expect(message).toContain(`PERSONA_KEYS: ${line}`);
  expect(message).not.toContain(key(1));
});

const authenticated = {
  PERSONA_INSECURE: undefined,
  AUTH_ISSUER: 'https://login.shop.example',
  AUTH_JWKS_URL: 'https://login.shop.example/keys',
  AUTH_AUDIENCE: 'persona',
  GRPC_TLS_CERT: 'grpc.pem',
  GRPC_TLS_KEY: 'grpc.key',
  GRPC_TLS_CA: 'agents.pem',
};

test('callers are authenticated unless PERSONA_INSECURE is set, and TLS files are read later', () => {
  const tls = { HTTP_TLS_CERT: 'rest.pem', HTTP_TLS_KEY: 'rest.key' };
  const read = readApiEnvironment({
    ...api,
    ...authenticated,
    ...tls,
    HTTP_HOST: '0.0.0.0',
    GRPC_HOST: '::',
  });
  expect(read).toMatchObject({
    http: { host: '0.0.0.0', tls: { cert: 'rest.pem', key: 'rest.key' } },
    grpc: { host: '::', tls: { cert: 'grpc.pem', key: 'grpc.key', ca: 'agents.pem' } },
    auth: {
      issuer: 'https://login.shop.example',
      audience: 'persona',
      jwksUrl: 'https://login.shop.example/keys',
    },
  });
  expect(readApiEnvironment(api)).not.toHaveProperty('auth');
});

test.each([
  [
    'without an issuer of tokens or PERSONA_INSECURE',
    { PERSONA_INSECURE: undefined },
    'AUTH_ISSUER: is missing; on this machine alone, PERSONA_INSECURE=1 does without it',
  ],
  ['without TLS for gRPC', { ...authenticated, GRPC_TLS_CA: '' }, 'GRPC_TLS_CA: is missing'],
  [
    'with REST in plain text on a network',
    { ...authenticated, HTTP_HOST: '0.0.0.0' },
    'HTTP_TLS_CERT: is missing',
  ],
  [
    'with keys of the issuer over plain text',
    { ...authenticated, AUTH_JWKS_URL: 'http://login.shop.example/keys' },
    'AUTH_JWKS_URL: must be an https address',
  ],
  ['with half a certificate', { ...authenticated, HTTP_TLS_CERT: 'rest.pem' }, 'HTTP_TLS_KEY: is missing'],
  ['with another value of PERSONA_INSECURE', { PERSONA_INSECURE: 'yes' }, 'PERSONA_INSECURE: must be 1'],
  ['in production', { NODE_ENV: 'production' }, 'PERSONA_INSECURE: is refused with NODE_ENV=production'],
  ['with REST on a non-loopback address', { HTTP_HOST: '0.0.0.0' }, 'HTTP_HOST: must be a loopback address'],
  ['with gRPC on a non-loopback address', { GRPC_HOST: '::' }, 'GRPC_HOST: must be a loopback address'],
  ['on a host name that only looks like loopback', { GRPC_HOST: '127.0.0.1.example' }, 'GRPC_HOST: must be'],
])('the API does not start %s', (_, variables, line) => {
  expect(failure(() => readApiEnvironment({ ...api, ...variables }))).toContain(line);
});

const { NOTIFY_WEBHOOK_URL: _, NOTIFY_WEBHOOK_SECRET: __, ...withoutNotifier } = worker;
const smtp = { NOTIFY_SMTP_URL: 'smtp://us:marked@mail.example:587', NOTIFY_FROM: 'Shop <a@shop.example>' };

test('notices are sent by e-mail or to the webhook; if both are set, to the webhook', () => {
  expect(readWorkerEnvironment({ ...withoutNotifier, ...smtp }).notify).toMatchObject({
    by: 'smtp',
    from: 'Shop <a@shop.example>',
  });
  expect(readWorkerEnvironment({ ...worker, ...smtp }).notify).toMatchObject({ by: 'webhook' });
});

test.each<[string, Record<string, string>, RegExp]>([
  ['no receiver', {}, /NOTIFY_WEBHOOK_URL, NOTIFY_SMTP_URL: one of them must be set/],
  [
    'a webhook without its secret',
    { NOTIFY_WEBHOOK_URL: 'http://127.0.0.1:1' },
    /NOTIFY_WEBHOOK_SECRET: is missing/,
  ],
  ['a mail server without a sender', { NOTIFY_SMTP_URL: 'smtp://127.0.0.1:25' }, /NOTIFY_FROM: is missing/],
  ['a URL that is not SMTP', { ...smtp, NOTIFY_SMTP_URL: 'http://mail' }, /NOTIFY_SMTP_URL: must be an smtp/],
  ['a sender without an address', { ...smtp, NOTIFY_FROM: 'Shop' }, /NOTIFY_FROM: must be an address/],
  ['two senders', { ...smtp, NOTIFY_FROM: 'a@b.example, c@d.example' }, /NOTIFY_FROM: must be an address/],
  ['a header in a sender', { ...smtp, NOTIFY_FROM: 'A\r\nBcc: <c@d.example>' }, /NOTIFY_FROM: must be an/],
])('notices with %s are refused at startup', (_, variables, line) => {
  const message = failure(() => readWorkerEnvironment({ ...withoutNotifier, ...variables }));
  expect(message).toMatch(line);
  expect(message).not.toContain('marked@');
});

test.each(['smtp://127.0.0.1:25', 'smtps://us:pass%40word@mail.example', 'smtp://mail?requireTLS=true'])(
  'e-mail may be sent through %s',
  (url) => {
    expect(readWorkerEnvironment({ ...withoutNotifier, ...smtp, NOTIFY_SMTP_URL: url }).notify.by).toBe(
      'smtp',
    );
  },
);

test('secrets are masked wherever the environment is printed', () => {
  const environment = {
    ...readWorkerEnvironment(worker),
    mail: readWorkerEnvironment({ ...withoutNotifier, ...smtp }),
  };
  const printed = `${JSON.stringify(environment)}${inspect(environment, { depth: null })}${environment.stripe.apiKey}`;
  expect(printed).not.toContain('marked');
  expect(printed).not.toContain(key(2));
  expect(environment.stripe.apiKey.reveal()).toBe('sk_test_marked');
});

test('certificates for Temporal are read from their files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'persona-environment-'));
  const file = (name: string) => {
    writeFileSync(join(folder, name), name);
    return join(folder, name);
  };
  const { temporal } = readApiEnvironment({
    ...api,
    TEMPORAL_TLS_CLIENT_CERT_PATH: file('certificate'),
    TEMPORAL_TLS_CLIENT_KEY_PATH: file('key'),
  });
  expect(temporal.tls).toEqual({
    clientCertPair: { crt: Buffer.from('certificate'), key: Buffer.from('key') },
  });
});

test('Kafka is optional; its certificates and its credentials are each complete', () => {
  expect(readApiEnvironment(api).kafka).toBeUndefined();
  const brokers = 'kafka-1.example:9092, kafka-2.example:9093';
  expect(readApiEnvironment({ ...api, KAFKA_BROKERS: brokers }).kafka).toEqual({
    brokers: ['kafka-1.example:9092', 'kafka-2.example:9093'],
  });
  const sasl = {
    KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    KAFKA_SASL_USERNAME: 'persona',
    KAFKA_SASL_PASSWORD: 'marked',
  };
  const { kafka } = readApiEnvironment({ ...api, ...sasl, KAFKA_BROKERS: brokers, KAFKA_TLS: 'true' });
  expect(kafka).toMatchObject({ tls: {}, sasl: { mechanism: 'SCRAM-SHA-512', username: 'persona' } });
  expect(kafka?.sasl?.password.reveal()).toBe('marked');
  expect(JSON.stringify(kafka)).not.toContain('marked');
  for (const [name, problem] of [
    ['KAFKA_BROKERS', 'KAFKA_BROKERS: must be host:port'],
    ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_MECHANISM: '],
    ['KAFKA_TLS_CLIENT_CERT_PATH', 'KAFKA_TLS_CLIENT_CERT_PATH: cannot be read'],
  ] as const)
    expect(failure(() => readApiEnvironment({ ...api, KAFKA_BROKERS: brokers, [name]: 'no' }))).toContain(
      problem,
    );
  expect(failure(() => readApiEnvironment({ ...api, ...sasl, KAFKA_SASL_PASSWORD: '' }))).toContain(
    'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: must be set together',
  );
});

test('the codec server is enabled only by a port, and only for valid origins', () => {
  expect(readApiEnvironment(api).codec).toBeUndefined();
  expect(readApiEnvironment({ ...api, CODEC_PORT: '0' }).codec).toEqual({
    port: 0,
    origins: ['http://127.0.0.1:8233', 'http://localhost:8233'],
  });
  const origins = readApiEnvironment({
    ...api,
    CODEC_PORT: '1',
    CODEC_ORIGINS: 'https://a.example, http://b:1',
  });
  expect(origins.codec?.origins).toEqual(['https://a.example', 'http://b:1']);
  for (const text of ['*', 'null', 'http://a/b', 'http://a,,http://b'])
    expect(failure(() => readApiEnvironment({ ...api, CODEC_PORT: '1', CODEC_ORIGINS: text }))).toContain(
      'CODEC_ORIGINS: must be origins such as',
    );
});

test('a rate limit is a number of requests per minute', () => {
  expect(readApiEnvironment(api).rateLimits).toEqual({
    customer: 6_000,
    service: 1_200_000,
    webhook: 60_000,
    unauthenticated: 600,
  });
  expect(readApiEnvironment({ ...api, RATE_LIMIT_SERVICE: '0' }).rateLimits.service).toBe(0);
  expect(failure(() => readApiEnvironment({ ...api, RATE_LIMIT_CUSTOMER: '-1' }))).toContain(
    'RATE_LIMIT_CUSTOMER: must be a number of requests per minute; 0: no limit',
  );
});

test('.env.example names every variable, each with its default', () => {
  const text = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
  const lines = [...text.matchAll(/^#?([A-Z][A-Z0-9_]*)=(.*)$/gm)];
  const documented = new Map(lines.map(([, name, value]) => [name, value]));
  const variables = { ...commonVariables, ...apiVariables, ...workerVariables, ...commandVariables };
  expect([...documented.keys()].sort()).toEqual(Object.keys(variables).sort());
  for (const [name, schema] of Object.entries(variables)) {
    expect(schema.description, name).toBeTruthy();
    const fallback = schema.safeParse(undefined);
    if (fallback.success) expect(documented.get(name), name).toBe(String(fallback.data ?? ''));
    expect(text.includes(`#${name}=`), `${name} is commented out if it has a default`).toBe(
      fallback.success && name !== 'PERSONA_INSECURE',
    );
  }
});

function failure(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

test('a process that uses only the graph or only Temporal needs no other variables', () => {
  const { NEO4J_URI, NEO4J_PASSWORD, PERSONA_KEYS, PERSONA_BLIND_KEYS, TEMPORAL_ADDRESS, ...others } = common;
  const graph = readGraphEnvironment({ NEO4J_URI, NEO4J_PASSWORD, PERSONA_KEYS, PERSONA_BLIND_KEYS });
  expect(graph.neo4j).toMatchObject({ uri: NEO4J_URI, database: 'neo4j' });
  expect(graph.keys.reveal().map(({ id }) => id)).toEqual(['k2', 'k1']);
  expect(readTemporalEnvironment({ TEMPORAL_ADDRESS })).toMatchObject({
    address: TEMPORAL_ADDRESS,
    namespace: 'default',
  });
  expect(readCodecKeys(others).reveal()).toHaveLength(1);
  expect(() => readGraphEnvironment({ NEO4J_URI, PERSONA_KEYS })).toThrow(
    /NEO4J_PASSWORD: is missing[^]*PERSONA_BLIND_KEYS: is missing/,
  );
  expect(() => readCodecKeys({ TEMPORAL_CODEC_KEYS: 'none' })).toThrow(
    'TEMPORAL_CODEC_KEYS: entry 1 must be',
  );
});
