import { PersonaError } from '../../domain/errors.ts';
import { RELATIONSHIP_ENDS, type RelationshipType } from '../../domain/relationships.ts';
import type { Reader } from '../kernel/reader.ts';
import { withoutNulls } from '../kernel/values.ts';

/** An edge, identified by its ends: edges have no id. */
export interface RelationshipRef {
  source_id: string;
  type: RelationshipType;
  target_id: string;
}

export type AttributeValue = string | number | boolean | string[];

/** The public attributes of an edge (docs/reference/graph.md, 'Edges'), without those for indexes and commands. */
const VISIBLE_ATTRIBUTES: Readonly<Record<RelationshipType, readonly string[]>> = {
  HAS_PAYMENT_METHOD: [
    'first_used',
    'last_used',
    'use_count',
    'is_default',
    'off_session_consent',
    'consent_at',
    'consent_source',
    'added_by',
    'proven',
    'disputed',
  ],
  LOGGED_IN_FROM: ['login_count', 'first_login', 'last_login', 'proven'],
  USED_ON: ['first_use', 'last_use'],
  SHIPPED_TO: ['first_shipped', 'last_shipped', 'proven'],
  HAS_DIGITAL_IDENTIFIER: ['linked_at'],
  HAS_BEHAVIORAL_PROFILE: [],
  OWES: [],
  POSSIBLY_SAME_AS: ['score', 'evidence', 'status', 'suggested_at'],
};

const QUERIES = Object.fromEntries(
  Object.entries(RELATIONSHIP_ENDS).map(([type, [source, target]]) => {
    const targetIdProperty = target === 'Obligation' ? 'payment_id' : 'id';
    return [
      type,
      `MATCH (source:${source} {id: $source_id})
       MATCH (target:${target} {${targetIdProperty}: $target_id})
       MATCH (source)-[r:${type}]->(target)
       WHERE NOT coalesce(source.status, '') IN ['erasing', 'erased'] AND NOT coalesce(target.status, '') IN ['erasing', 'erased']
       RETURN properties(r) AS properties, target.changed_seq AS changed_seq`,
    ];
  }),
) as Record<RelationshipType, string>;

/**
 * The attributes of one edge, by name; times are RFC 3339 in UTC.
 * @returns also the event that last changed the target node
 * @throws PersonaError relationship_not_found
 */
export async function getRelationshipAttributes(
  reader: Reader,
  { source_id, type, target_id }: RelationshipRef,
): Promise<{ attributes: Record<string, AttributeValue>; changed_seq?: number }> {
  const [row] = await reader.read<{
    properties: Record<string, AttributeValue>;
    changed_seq: number | null;
  }>(QUERIES[type], { source_id, target_id });
  if (row === undefined) {
    throw new PersonaError('relationship_not_found', `there is no ${type} from ${source_id} to ${target_id}`);
  }
  const { properties, changed_seq } = row;
  const visible = VISIBLE_ATTRIBUTES[type]
    .filter((name) => name in properties)
    .map((name) => [name, properties[name]]);
  return withoutNulls({ attributes: Object.fromEntries(visible), changed_seq });
}
