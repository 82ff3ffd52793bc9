import type { DataKey } from '../../security/data-key.ts';
import type { Graph } from '../kernel/graph.ts';
import { readWithOpenKey } from '../kernel/key-store.ts';

/** What the gateway has of a customer. */
export interface GatewayData {
  gateway_customer_ref?: string;
  /** A process of Persona's recorded the reference: it has created the customer there, or was given it by an onboarding. */
  mayBeOurs: boolean;
  /** The tokens of all methods, removed ones too. */
  tokens: string[];
}

const READ = `
  MATCH (c:Customer {id: $id})
  RETURN c.gateway_customer_ref AS gateway_customer_ref,
    COLLECT {
      MATCH (c)-[:HAS_PAYMENT_METHOD]->(p:PaymentMethod) RETURN {id: p.id, token: p.token} ORDER BY p.id
    } AS methods,
    head(COLLECT {
      MATCH (e:PersonaEvent {stream_id: $id}) WHERE e.seq > 0
        AND e.type IN ['CustomerCreated', 'CustomerProfileUpdated'] AND e.data CONTAINS '"gateway_customer_ref":"'
      RETURN e.type = 'CustomerProfileUpdated' AND e.source STARTS WITH 'workflow:' ORDER BY e.seq DESC LIMIT 1
    }) AS may_be_ours`;

interface Row {
  gateway_customer_ref: string | null;
  methods: { id: string; token: string }[];
  may_be_ours: boolean | null;
}

/** `undefined`: the customer is unknown, or their key is destroyed. @throws PersonaError graph_unavailable */
export async function readGatewayData(graph: Graph, customer_id: string): Promise<GatewayData | undefined> {
  const owner = { label: 'CustomerKey', id: customer_id } as const;
  const { row, key } = await readWithOpenKey<Row>(graph, owner, { cypher: READ });
  if (row === undefined || key === undefined) return undefined;
  const { gateway_customer_ref, methods, may_be_ours } = row;
  return {
    ...(gateway_customer_ref !== null && { gateway_customer_ref }),
    mayBeOurs: may_be_ours === true,
    tokens: methods.map((method) => openToken(key, method)),
  };
}

const openToken = (key: DataKey, { id, token }: { id: string; token: string }): string =>
  key.open(token, 'PaymentMethod', id, 'token');
