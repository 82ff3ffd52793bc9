import { PersonaError } from '../domain/errors.ts';
import type { AddableRelationship } from '../domain/relationships.ts';
import {
  type AttributeChange,
  type AttributeValue,
  addRelationship as add,
  type CommandHeader,
  getRelationshipAttributes as readAttributes,
  type PropertyChange,
  updateNodeProperty as changeProperty,
  updateRelationshipAttribute as changeAttribute,
} from '../graph/index.ts';
import type { ServiceDependencies } from './service-dependencies.ts';
import type { Caller } from './caller.ts';
import type { EditView, RelationshipView } from './views.ts';

type Dependencies = Pick<ServiceDependencies, 'graph'>;

/**
 * The attributes of one edge, each as a string.
 *
 * @throws PersonaError relationship_not_found, graph_unavailable
 */
export async function getRelationshipAttributes(
  { graph }: Dependencies,
  relationship: RelationshipView,
): Promise<{ attributes: Record<string, string>; changed_seq?: number }> {
  const { attributes, changed_seq } = await readAttributes(graph, relationship);
  const text = (value: AttributeValue) => (Array.isArray(value) ? value.join(',') : String(value));
  return {
    attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, text(value)])),
    changed_seq,
  };
}

/** @throws PersonaError idempotency_key_required, and what the command throws */
export async function addRelationship(
  { graph }: Dependencies,
  caller: Caller,
  relationship: RelationshipView & { type: AddableRelationship },
): Promise<{ added: boolean; version: number }> {
  return add(graph, headerOf(caller), relationship);
}

/** @throws PersonaError idempotency_key_required, and what the command throws */
export async function updateRelationshipAttribute(
  { graph }: Dependencies,
  caller: Caller,
  change: AttributeChange,
): Promise<EditView> {
  return changeAttribute(graph, headerOf(caller), change);
}

/** @throws PersonaError idempotency_key_required, and what the command throws */
export async function updateNodeProperty(
  { graph }: Dependencies,
  caller: Caller,
  change: PropertyChange,
): Promise<EditView> {
  return changeProperty(graph, headerOf(caller), change);
}

/** For a change that happens now; without a key a repeat could not be distinguished from a second change. */
function headerOf({ caller, actor, correlationId, idempotencyKey }: Caller): CommandHeader {
  if (idempotencyKey === undefined)
    throw new PersonaError('idempotency_key_required', 'this change requires an idempotency-key');
  return {
    caller,
    actor,
    correlationId,
    idempotencyKey,
    isHeaderKey: true,
    occurredAt: new Date().toISOString(),
  };
}
