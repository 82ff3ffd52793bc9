import {
  ADDABLE_RELATIONSHIPS,
  EDITABLE_PROPERTIES,
  type EditableLabel,
  RELATIONSHIP_ENDS,
  type RelationshipType,
} from '../../domain/relationships.ts';
import type { IdentityGraphServiceServer } from '../../proto/gen/persona/v1/identity_graph.ts';
import type { Relationship } from '../../proto/gen/persona/v1/types.ts';
import type { Services } from '../../services/services.ts';
import type { Observers } from '../requests.ts';
import { Problems } from './mapping.ts';
import { unary } from './unary.ts';

type RelationshipMethods =
  | 'getRelationshipAttributes'
  | 'addRelationship'
  | 'updateRelationshipAttribute'
  | 'updateNodeProperty';

/** Edges, and the editable attributes of edges and nodes. */
export function relationships(
  services: Services,
  observers: Observers,
): Pick<IdentityGraphServiceServer, RelationshipMethods> {
  return {
    getRelationshipAttributes: unary(observers, 'GetRelationshipAttributes', async (caller, request) => {
      const problems = new Problems();
      const relationship = relationshipOf(request, problems);
      problems.throwIfAny();
      const { attributes, changed_seq } = await services.getRelationshipAttributes(caller, relationship);
      return { relationship, attributes, changed_seq: BigInt(changed_seq ?? 0) };
    }),

    addRelationship: unary(observers, 'AddRelationship', async (caller, request) => {
      const problems = new Problems();
      const type = problems.requireOneOf(request.type, ADDABLE_RELATIONSHIPS, 'type');
      const relationship = { ...relationshipOf({ ...request, type }, problems), type };
      problems.throwIfAny();
      const expected_version = toNumber(request.expected_version);
      const { added, version } = await services.addRelationship(caller, {
        ...relationship,
        expected_version,
      });
      return { relationship, added, version: BigInt(version) };
    }),

    updateRelationshipAttribute: unary(observers, 'UpdateRelationshipAttribute', async (caller, request) => {
      const problems = new Problems();
      const relationship = relationshipOf(request, problems);
      problems.require(request.attribute !== '', 'attribute', 'is required');
      problems.throwIfAny();
      const { attribute, value } = request;
      const expected_version = toNumber(request.expected_version);
      const change = { ...relationship, attribute, value, expected_version };
      const { changed, version } = await services.updateRelationshipAttribute(caller, change);
      return { relationship, changed, version: BigInt(version) };
    }),

    updateNodeProperty: unary(observers, 'UpdateNodeProperty', async (caller, request) => {
      const problems = new Problems();
      const label = problems.requireOneOf(request.label, LABELS, 'label');
      problems.requireUuid(request.id, 'id');
      problems.require(request.property !== '', 'property', 'is required');
      problems.throwIfAny();
      const { property, value } = request;
      const expected_version = toNumber(request.expected_version);
      const change = { label, id: request.id.toLowerCase(), property, value, expected_version };
      const { changed, version } = await services.updateNodeProperty(caller, change);
      return { changed, version: BigInt(version) };
    }),
  };
}

const LABELS = Object.keys(EDITABLE_PROPERTIES) as [EditableLabel, ...EditableLabel[]];
const TYPES = Object.keys(RELATIONSHIP_ENDS) as [RelationshipType, ...RelationshipType[]];

function relationshipOf(
  request: Relationship,
  problems: Problems,
): Relationship & { type: RelationshipType } {
  const { source_id, target_id } = request;
  const type = problems.requireOneOf(request.type, TYPES, 'type');
  problems.requireUuid(source_id, 'source_id');
  // An obligation has an id assigned by another system.
  if (type === 'OWES') problems.require(target_id !== '', 'target_id', 'is required');
  else problems.requireUuid(target_id, 'target_id');
  return {
    source_id: source_id.toLowerCase(),
    type,
    target_id: type === 'OWES' ? target_id : target_id.toLowerCase(),
  };
}

function toNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
