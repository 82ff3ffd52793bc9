import {
  type AttributeChange,
  type AttributeValue,
  addRelationship as add,
  getRelationshipAttributes as readAttributes,
  type NewRelationship,
  type PropertyChange,
  type RelationshipRef,
  updateNodeProperty as changeProperty,
  updateRelationshipAttribute as changeAttribute,
} from '../graph/index.ts';
import type { Caller } from './caller.ts';
import { requestHeader } from './request-header.ts';
import type { ServiceDependencies } from './service-dependencies.ts';

type Dependencies = Pick<ServiceDependencies, 'graph'>;

/**
 * The attributes of one edge, each as a string.
 *
 * @throws PersonaError relationship_not_found, graph_unavailable
 */
export async function getRelationshipAttributes(
  { graph }: Dependencies,
  relationship: RelationshipRef,
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
  relationship: NewRelationship,
): Promise<{ added: boolean; version: number }> {
  return add(graph, requestHeader(caller), relationship);
}

/** @throws PersonaError idempotency_key_required, and what the command throws */
export async function updateRelationshipAttribute(
  { graph }: Dependencies,
  caller: Caller,
  change: AttributeChange,
): Promise<{ changed: boolean; version: number }> {
  return changeAttribute(graph, requestHeader(caller), change);
}

/** @throws PersonaError idempotency_key_required, and what the command throws */
export async function updateNodeProperty(
  { graph }: Dependencies,
  caller: Caller,
  change: PropertyChange,
): Promise<{ changed: boolean; version: number }> {
  return changeProperty(graph, requestHeader(caller), change);
}
