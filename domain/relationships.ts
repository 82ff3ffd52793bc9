/** What `addRelationship`, `updateRelationshipAttribute` and `updateNodeProperty` may change (docs/reference/graph.md, 'Allow lists'). */

/** The edges that may be added between existing nodes. Every other edge is created together with its target node. */
export const ADDABLE_RELATIONSHIPS = ['LOGGED_IN_FROM', 'USED_ON', 'POSSIBLY_SAME_AS'] as const;
export type AddableRelationship = (typeof ADDABLE_RELATIONSHIPS)[number];

/** Every kind of edge, by the labels at its ends. */
export const RELATIONSHIP_ENDS = {
  HAS_PAYMENT_METHOD: ['Customer', 'PaymentMethod'],
  LOGGED_IN_FROM: ['Customer', 'Device'],
  USED_ON: ['PaymentMethod', 'Device'],
  SHIPPED_TO: ['Customer', 'Address'],
  HAS_DIGITAL_IDENTIFIER: ['Customer', 'DigitalIdentifier'],
  HAS_BEHAVIORAL_PROFILE: ['Customer', 'BehavioralProfile'],
  OWES: ['Customer', 'Obligation'],
  POSSIBLY_SAME_AS: ['Customer', 'Customer'],
} as const;
export type RelationshipType = keyof typeof RELATIONSHIP_ENDS;

/** The last-writer time of each edge that has one: an older time than the stored one is ignored. */
export const RELATIONSHIP_TIMES = {
  HAS_PAYMENT_METHOD: 'last_used',
  LOGGED_IN_FROM: 'last_login',
  USED_ON: 'last_use',
  SHIPPED_TO: 'last_shipped',
} as const satisfies Partial<Record<RelationshipType, string>>;

/** The attributes of each edge that callers may change. */
export const EDITABLE_ATTRIBUTES: Readonly<Record<RelationshipType, readonly string[]>> = {
  HAS_PAYMENT_METHOD: ['is_default', 'last_used', 'off_session_consent'],
  LOGGED_IN_FROM: ['last_login'],
  USED_ON: ['last_use'],
  SHIPPED_TO: ['last_shipped'],
  HAS_DIGITAL_IDENTIFIER: [],
  HAS_BEHAVIORAL_PROFILE: [],
  OWES: [],
  POSSIBLY_SAME_AS: ['status'],
};

/** The properties of each label that callers may change: never ids, tokens, hashes or versions. */
export const EDITABLE_PROPERTIES = {
  Customer: ['segment', 'locale'],
  PaymentMethod: ['brand'],
  Address: ['is_default', 'is_verified'],
  DigitalIdentifier: ['is_verified'],
} as const;
export type EditableLabel = keyof typeof EDITABLE_PROPERTIES;
