/** The search attributes by which operators find a customer's processes; ids and states, never personal data. */

import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { PersonaError } from '../domain/errors.ts';
import { SearchAttribute } from '../domain/workflow-contracts.ts';

const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;
const NAMES: readonly string[] = Object.values(SearchAttribute);

/**
 * Registers the attributes that the namespace lacks. Call it before a worker polls: a workflow that sets an unregistered
 * attribute keeps failing its workflow task.
 *
 * @throws PersonaError temporal_unavailable, with the command for an operator to run, if attributes are missing and this
 *   client may not create them (Temporal Cloud), or exist with another type
 */
export async function ensureSearchAttributes(client: Client): Promise<void> {
  const { namespace } = client.options;
  try {
    const present = await registered(client);
    const wrong = NAMES.filter(
      (name) => (present[name] ?? INDEXED_VALUE_TYPE_KEYWORD) !== INDEXED_VALUE_TYPE_KEYWORD,
    );
    if (wrong.length > 0) throw new Error(`${wrong.join(', ')} exist with another type than Keyword`);
    const missing = NAMES.filter((name) => present[name] === undefined);
    if (missing.length === 0) return;
    await addSearchAttributes(client, missing);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const flags = NAMES.map((name) => `--name ${name} --type Keyword`).join(' ');
    throw new PersonaError(
      'temporal_unavailable',
      `The search attributes of namespace '${namespace}' are not registered: ${reason}. ` +
        `Create them: temporal operator search-attribute create --namespace ${namespace} ${flags}`,
      { cause },
    );
  }
}

/** The attributes that the namespace lacks, without adding them. @throws the server's error */
export async function missingSearchAttributes(client: Client): Promise<string[]> {
  const present = await registered(client);
  return NAMES.filter((name) => present[name] !== INDEXED_VALUE_TYPE_KEYWORD);
}

/** Registers attributes that the namespace is known to lack (the time-skipping server cannot list them). */
export async function addSearchAttributes(client: Client, names: readonly string[] = NAMES): Promise<void> {
  await client.connection.operatorService.addSearchAttributes({
    namespace: client.options.namespace,
    searchAttributes: Object.fromEntries(names.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD])),
  });
}

async function registered(client: Client): Promise<Record<string, number>> {
  const { namespace } = client.options;
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  return customAttributes ?? {};
}
