/**
 * The schema registry over its HTTP API, as Confluent documents it and Karapace and Apicurio implement it
 * (docs/decisions/30-events-out.md, 'With a schema registry').
 */

import { PersonaError } from '../../domain/errors.ts';
import type { RegisteredSchema, SchemaRegistry } from '../../domain/schema-registry.ts';
import type { SchemaRegistryEnvironment } from '../../platform/environment.ts';
import { type Answer, answerOf } from './answer.ts';
import { createRequester } from './request.ts';

/** What Persona's schemas are tested with: a reader of either version reads records of the other. */
const COMPATIBILITY = 'FULL';

export interface SchemaRegistryClient extends SchemaRegistry {
  /** @throws PersonaError schema_registry_unavailable */
  verify(): Promise<void>;
  /**
   * Whether `register` would succeed, without registering anything.
   * @returns `registered`, `compatible`, or why the registry would refuse it
   * @throws PersonaError schema_registry_unavailable
   */
  check(subject: string, schema: object): Promise<'registered' | 'compatible' | { refusal: string }>;
}

export function openSchemaRegistry({ url, ca }: SchemaRegistryEnvironment): SchemaRegistryClient {
  const address = new URL(url.reveal());
  const request = createRequester(address, ca);
  /** Without what did not succeed: an id never gets another schema, nor a schema another id. */
  const ids = new Map<string, Promise<number>>();
  const schemas = new Map<number, Promise<RegisteredSchema | undefined>>();

  const unavailable = (reason: string, cause?: unknown) =>
    new PersonaError(
      'schema_registry_unavailable',
      `the schema registry at ${address.host} ${reason}`,
      cause === undefined ? {} : { cause },
    );
  /** @param expected the statuses besides 200 that the caller understands */
  const call = async (
    method: string,
    path: string,
    { body, expected = [] }: { body?: object; expected?: readonly number[] } = {},
  ): Promise<Answer> => {
    const reply = await request(method, path, body).catch((error: unknown) => {
      const hint = 'Check SCHEMA_REGISTRY_URL and SCHEMA_REGISTRY_TLS_CA_CERT_PATH.';
      throw unavailable(`is unavailable (${reasonOf(error)}). ${hint}`, error);
    });
    const answer = answerOf(reply);
    if (answer !== undefined && [200, ...expected].includes(answer.status)) return answer;
    if (reply.status === 401 || reply.status === 403)
      throw unavailable(
        `refuses ${method} ${path} (${reply.status}). Check user, password and rights of SCHEMA_REGISTRY_URL.`,
      );
    throw unavailable(`answers ${reply.status} to ${method} ${path}: ${reply.text.slice(0, 200)}`);
  };
  const find = async (subject: string, schema: object): Promise<number | undefined> => {
    const { id } = await call('POST', subjectPath(subject), { body: bodyOf(schema), expected: [404] });
    return id;
  };
  const register = async (subject: string, schema: object): Promise<number> => {
    const known = await find(subject, schema);
    if (known !== undefined) return known;
    const versions = `${subjectPath(subject)}/versions`;
    // Before its first version: a crash in between leaves a subject that is new. One that exists stays as operations configured it.
    if ((await call('GET', versions, { expected: [404] })).status === 404) {
      const body = { compatibility: COMPATIBILITY };
      await call('PUT', `/config/${encodeURIComponent(subject)}`, { body });
    }
    const answer = await call('POST', versions, { body: bodyOf(schema), expected: REFUSALS });
    if (answer.id === undefined) throw unavailable(`refuses the schema of ${subject}: ${answer.message}`);
    return answer.id;
  };

  return {
    register: (subject, schema) => remember(ids, subject, () => register(subject, schema)),
    schema: (id) =>
      remember(schemas, id, async () => {
        const path = `/schemas/ids/${id}`;
        const { status, schema: text, schemaType: type } = await call('GET', path, { expected: [404] });
        if (status === 404) return undefined;
        if (text === undefined) throw unavailable(`answers GET ${path} without a schema`);
        return { type, text };
      }),
    async verify() {
      await call('GET', '/schemas/types');
    },
    async check(subject, schema) {
      if ((await find(subject, schema)) !== undefined) return 'registered';
      const path = `/compatibility${subjectPath(subject)}/versions/latest?verbose=true`;
      const answer = await call('POST', path, { body: bodyOf(schema), expected: [404, 422] });
      return answer.status === 404 || answer.isCompatible ? 'compatible' : { refusal: answer.message };
    },
  };
}

/** The schema is incompatible with an earlier version, or the registry does not understand it. */
const REFUSALS = [409, 422];

const subjectPath = (subject: string) => `/subjects/${encodeURIComponent(subject)}`;
const bodyOf = (schema: object) => ({ schema: JSON.stringify(schema) });

/** Callers at the same time share one request; nothing is remembered of one that fails, or finds nothing. */
function remember<K, V>(results: Map<K, Promise<V>>, key: K, work: () => Promise<V>): Promise<V> {
  const known = results.get(key);
  if (known !== undefined) return known;
  const result = work();
  results.set(key, result);
  const forget = () => void results.delete(key);
  result.then((value) => value === undefined && forget(), forget);
  return result;
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
