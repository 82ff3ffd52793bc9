import type { BlindIndex, BlindKind } from '../../security/blind-index.ts';

/** The labels of the nodes that the log describes. */
export const LABELS = [
  'Customer',
  'Device',
  'PaymentMethod',
  'Address',
  'DigitalIdentifier',
  'BehavioralProfile',
  'Obligation',
  'ChargeAttempt',
  'Overpayment',
  'Refund',
  'Notice',
  'FraudCase',
  'AgentPersona',
  'PersonaConfiguration',
  'Note',
  'Contest',
] as const;
export type Label = (typeof LABELS)[number];

/** The property that identifies a node of each label. */
export const ID_PROPERTY: Readonly<Record<Label, string>> = {
  Customer: 'id',
  Device: 'id',
  PaymentMethod: 'id',
  Address: 'id',
  DigitalIdentifier: 'id',
  BehavioralProfile: 'id',
  Obligation: 'payment_id',
  ChargeAttempt: 'key',
  Overpayment: 'id',
  Refund: 'id',
  Notice: 'notification_id',
  FraudCase: 'case_id',
  AgentPersona: 'name',
  PersonaConfiguration: 'key',
  Note: 'note_id',
  Contest: 'contest_id',
};

/** `Label/id`. */
export type NodeRef = string;
/** `Label/id -[TYPE]-> Label/id`. */
export type EdgeRef = string;
export type Properties = Record<string, unknown>;

/** A difference between the graph and the log, or a broken rule of the graph. */
export interface Difference {
  /**
   * A node (`PaymentMethod/018f…`), an edge (`Customer/… -[OWES]-> Obligation/…`) or an event
   * (`PersonaEvent/{stream}#{seq}`).
   */
  where: string;
  /** `exists` if all of it is missing or unexpected; `rule` if several properties contradict each other. */
  property: string;
  expected: unknown;
  found: unknown;
}

/** A stored blind index: equal to any hash of its value under any of the keys. */
export class BlindValue {
  readonly #index: BlindIndex;
  readonly #kind: BlindKind;
  readonly #value: string;

  constructor(index: BlindIndex, kind: BlindKind, value: string) {
    this.#index = index;
    this.#kind = kind;
    this.#value = value;
  }

  equals(stored: unknown): boolean {
    return typeof stored === 'string' && this.#index.matches(this.#kind, this.#value, stored);
  }

  /** As it would be written now; never the value itself. */
  toJSON(): string {
    return this.#index.hash(this.#kind, this.#value);
  }
}

export const nodeRef = (label: Label, id: string): NodeRef => `${label}/${id}`;
export const edgeRef = (from: NodeRef, type: string, to: NodeRef): EdgeRef => `${from} -[${type}]-> ${to}`;

export function splitRef(ref: NodeRef): { label: string; id: string } {
  const slash = ref.indexOf('/');
  return { label: ref.slice(0, slash), id: ref.slice(slash + 1) };
}

export interface Edge {
  from: NodeRef;
  type: string;
  to: NodeRef;
  properties: Properties;
}

/** A part of the graph in memory: as the log says it should be, or as it is. */
export class GraphModel {
  readonly nodes = new Map<NodeRef, Properties>();
  readonly edges = new Map<EdgeRef, Edge>();
  /** Events that did not fit while it was built, such as one about a node that was never created. */
  readonly inconsistencies: Difference[] = [];
  /** The event being applied, for `inconsistencies`. */
  cause = '';

  /** @returns the node's properties, to be changed; undefined, and an inconsistency, if nothing has created it */
  node(ref: NodeRef): Properties | undefined {
    return this.nodes.get(ref) ?? this.#missing(ref);
  }

  /** The same for an edge. */
  edge(from: NodeRef, type: string, to: NodeRef): Properties | undefined {
    const ref = edgeRef(from, type, to);
    return this.edges.get(ref)?.properties ?? this.#missing(ref);
  }

  createNode(ref: NodeRef, properties: Properties): void {
    if (this.nodes.has(ref)) this.#duplicate(ref);
    this.nodes.set(ref, properties);
  }

  /** Including every edge at it. */
  removeNode(ref: NodeRef): void {
    if (!this.nodes.delete(ref)) this.#missing(ref);
    for (const [name, { from, to }] of this.edges) if (from === ref || to === ref) this.edges.delete(name);
  }

  createEdge(from: NodeRef, type: string, to: NodeRef, properties: Properties = {}): void {
    const ref = edgeRef(from, type, to);
    if (this.edges.has(ref)) this.#duplicate(ref);
    this.edges.set(ref, { from, type, to, properties });
  }

  edgesFrom(from: NodeRef, type: string): Edge[] {
    return [...this.edges.values()].filter((edge) => edge.from === from && edge.type === type);
  }

  #missing(ref: string): undefined {
    const expected = `${ref} was created by an earlier event`;
    this.inconsistencies.push({
      where: this.cause,
      property: 'data',
      expected,
      found: 'it was never created',
    });
    return undefined;
  }

  #duplicate(ref: string): void {
    const expected = `${ref} is new`;
    this.inconsistencies.push({
      where: this.cause,
      property: 'data',
      expected,
      found: 'it existed already',
    });
  }
}
