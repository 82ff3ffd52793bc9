import {
  edgeRef,
  GraphModel,
  ID_PROPERTY,
  LABELS,
  type Label,
  type NodeRef,
  nodeRef,
  type Properties,
  splitRef,
} from '../events/model.ts';
import type { Graph } from '../kernel/graph.ts';
import { LABEL_OF, type Stream } from './stream.ts';

// A relationship of the graph in the form of the model: both ends by label and id.
const END = (node: string) =>
  `labels(${node})[0] + '/' + coalesce(${node}.id, ${node}.key, ${node}.payment_id, ${node}.case_id, elementId(${node}))`;
const EDGE = (from: string, to: string) =>
  `{at: elementId(r), from: ${END(from)}, type: type(r), to: ${END(to)}, properties: properties(r)}`;

// Another customer may be suggested as the same person; such an incoming edge belongs to the other customer.
const READ_CUSTOMER = `
  MATCH (n:Customer {id: $id})
  RETURN n.version AS version,
    COLLECT { MATCH (n)-[r]->(m) RETURN ${EDGE('n', 'm')} } +
    COLLECT { MATCH (n)<-[r]-(m) WHERE type(r) <> 'POSSIBLY_SAME_AS' RETURN ${EDGE('m', 'n')} } AS edges,
    COLLECT { MATCH (a:ChargeAttempt {customer_id: $id}) WHERE a.state IS NOT NULL RETURN a.key } AS attempts,
    COLLECT { MATCH (x:Overpayment {customer_id: $id}) WHERE x.key IS NOT NULL RETURN x.id } AS overpayments,
    COLLECT { MATCH (r:Refund {customer_id: $id}) RETURN r.id } AS refunds,
    COLLECT { MATCH (m:Notice {customer_id: $id}) WHERE m.state IS NOT NULL RETURN m.notification_id } AS notices,
    COLLECT { MATCH (f:FraudCase {customer_id: $id}) RETURN f.case_id } AS cases,
    COLLECT { MATCH (t:Note {customer_id: $id}) WHERE t.about_seq IS NOT NULL RETURN t.note_id } AS notes,
    COLLECT { MATCH (x:Contest {customer_id: $id}) WHERE x.state IS NOT NULL RETURN x.contest_id } AS contests`;

// Incoming edges are those of customers and their methods, and belong to the customers' streams.
const READ_DEVICE = `
  MATCH (n:Device {id: $id})
  RETURN n.version AS version,
    COLLECT { MATCH (n)-[r]->(m) RETURN ${EDGE('n', 'm')} } +
    COLLECT {
      MATCH (n)<-[r]-(m) WHERE NOT type(r) IN ['LOGGED_IN_FROM', 'USED_ON'] RETURN ${EDGE('m', 'n')}
    } AS edges,
    [] AS attempts, [] AS overpayments, [] AS refunds, [] AS notices, [] AS cases, [] AS notes,
    [] AS contests`;

// Whatever edge they have is unexpected, and read with their own node.
const readEntry = (label: Label) => `
  MATCH (n:${label} {${ID_PROPERTY[label]}: $id})
  RETURN n.version AS version, [] AS edges,
    [] AS attempts, [] AS overpayments, [] AS refunds, [] AS notices, [] AS cases`;

const READ_STREAM = {
  customer: READ_CUSTOMER,
  device: READ_DEVICE,
  catalogue: readEntry('AgentPersona'),
  configuration: readEntry('PersonaConfiguration'),
} as const;

// `BLOCKED_BY` is exempt from the log (docs/reference/graph.md, 'Invariants' 4).
const READ_NODES = Object.fromEntries(
  LABELS.map((label) => [
    label,
    label === 'Customer' || label === 'Device'
      ? // Their edges are read with their own stream.
        `UNWIND $ids AS id MATCH (n:${label} {id: id}) RETURN id, properties(n) AS properties, [] AS edges`
      : `UNWIND $ids AS id
         MATCH (n:${label} {${ID_PROPERTY[label]}: id})
         RETURN id, properties(n) AS properties,
           COLLECT { MATCH (n)-[r]->(m) WHERE type(r) <> 'BLOCKED_BY' RETURN ${EDGE('n', 'm')} } +
           COLLECT { MATCH (n)<-[r]-(m) WHERE type(r) <> 'BLOCKED_BY' RETURN ${EDGE('m', 'n')} } AS edges`,
  ]),
) as Record<Label, string>;

interface EdgeRow {
  at: string;
  from: NodeRef;
  type: string;
  to: NodeRef;
  properties: Properties;
}

interface NodeRow {
  id: string;
  properties: Properties;
  edges: EdgeRow[];
}

interface StreamRow {
  version: number;
  edges: EdgeRow[];
  attempts: string[];
  overpayments: string[];
  refunds: string[];
  notices: string[];
  cases: string[];
  notes: string[];
  contests: string[];
}

/**
 * What the graph holds of one stream: its own node, the nodes that it owns, the nodes that the log names, and every
 * edge at any of them, wherever it comes from.
 * @param expected what the log says, in order to find nodes that have lost their edge as well
 */
export async function readLive(graph: Graph, stream: Stream, expected: GraphModel): Promise<GraphModel> {
  const own = nodeRef(LABEL_OF[stream.kind], stream.id);
  const [row] = await graph.read<StreamRow>(READ_STREAM[stream.kind], { id: stream.id });
  const edges = new Map<string, EdgeRow>(row?.edges.map((edge) => [edge.at, edge]));
  const wanted = new Set<NodeRef>([own, ...expected.nodes.keys()]);
  for (const { to } of edges.values()) if (isOwned(to)) wanted.add(to);
  for (const key of row?.attempts ?? []) wanted.add(nodeRef('ChargeAttempt', key));
  for (const id of row?.overpayments ?? []) wanted.add(nodeRef('Overpayment', id));
  for (const id of row?.refunds ?? []) wanted.add(nodeRef('Refund', id));
  for (const id of row?.notices ?? []) wanted.add(nodeRef('Notice', id));
  for (const id of row?.cases ?? []) wanted.add(nodeRef('FraudCase', id));
  for (const id of row?.notes ?? []) wanted.add(nodeRef('Note', id));
  for (const id of row?.contests ?? []) wanted.add(nodeRef('Contest', id));

  const live = new GraphModel();
  const refs = [...wanted].map(splitRef);
  await Promise.all(
    LABELS.map(async (label) => {
      const ids = refs.filter((ref) => ref.label === label).map((ref) => ref.id);
      if (ids.length === 0) return;
      for (const node of await graph.read<NodeRow>(READ_NODES[label], { ids })) {
        live.nodes.set(nodeRef(label, node.id), node.properties);
        for (const edge of node.edges) edges.set(edge.at, edge);
      }
    }),
  );
  for (const { from, type, to, properties } of edges.values()) {
    // Of two edges where only one may exist, the second gets a name that no log contains.
    let ref = edgeRef(from, type, to);
    while (live.edges.has(ref)) ref += ' (duplicate)';
    live.edges.set(ref, { from, type, to, properties });
  }
  return live;
}

/** Customers and devices have their own streams; everything else belongs to the customer to whom it is linked. */
function isOwned(ref: NodeRef): boolean {
  const { label } = splitRef(ref);
  return label !== 'Customer' && label !== 'Device';
}

/** The last `seq` according to the stream's node; undefined if there is no such node. */
export async function readVersion(graph: Graph, { kind, id }: Stream): Promise<number | undefined> {
  const label = LABEL_OF[kind];
  const [row] = await graph.read<{ version: number }>(
    `MATCH (n:${label} {${ID_PROPERTY[label]}: $id}) RETURN n.version AS version`,
    { id },
  );
  return row?.version;
}
