/** Minimal Cypher that writes what an import has left: copies of sample customers under new ids. */

import { randomUUID } from 'node:crypto';
import { WorkflowName, workflowCaller } from '../../domain/workflow-contracts.ts';
import type { Graph } from '../../graph/index.ts';

/** Customers with everything that is theirs alone, as maps of properties. */
const READ = `
  MATCH (c:Customer)-[:LOGGED_IN_FROM]->(d:Device)
  WITH c, collect(d) AS devices LIMIT $most
  MATCH (ck:CustomerKey {customer_id: c.id})
  RETURN properties(c) AS customer, properties(ck) AS key,
    COLLECT {
      MATCH (c)-[l:LOGGED_IN_FROM]->(d:Device)
      MATCH (dk:DeviceKey {device_id: d.id})
      RETURN {
        node: properties(d), edge: properties(l), key: properties(dk),
        methods: COLLECT {
          MATCH (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)-[u:USED_ON]->(d)
          RETURN {node: properties(p), edge: properties(h), used: properties(u)}
        }
      }
    } AS devices,
    COLLECT { MATCH (c)-[s:SHIPPED_TO]->(a:Address) RETURN {node: properties(a), edge: properties(s)} } AS addresses,
    COLLECT {
      MATCH (c)-[o:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier) RETURN {node: properties(i), edge: properties(o)}
    } AS identifiers,
    COLLECT {
      MATCH (e:PersonaEvent) WHERE e.stream_id IN [c.id] + [d IN devices | d.id] RETURN properties(e)
    } AS events`;
/** No edge connects a customer with the receipts of its lines, so any receipt is used. */
const READ_RECEIPT = `
  MATCH (r:CommandReceipt {caller: $caller}) RETURN properties(r) AS receipt LIMIT 1`;

const WRITE = `
  CREATE (c:Customer) SET c = $customer
  CREATE (ck:CustomerKey) SET ck = $key
  FOREACH (device IN $devices |
    CREATE (c)-[l:LOGGED_IN_FROM]->(d:Device) SET d = device.node, l = device.edge
    CREATE (dk:DeviceKey) SET dk = device.key
    FOREACH (method IN device.methods |
      CREATE (c)-[h:HAS_PAYMENT_METHOD]->(p:PaymentMethod)-[u:USED_ON]->(d)
      SET p = method.node, h = method.edge, u = method.used))
  FOREACH (address IN $addresses |
    CREATE (c)-[s:SHIPPED_TO]->(a:Address) SET a = address.node, s = address.edge)
  FOREACH (identifier IN $identifiers |
    CREATE (c)-[o:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier) SET i = identifier.node, o = identifier.edge)
  FOREACH (event IN $events | CREATE (e:PersonaEvent) SET e = event)
  FOREACH (receipt IN $receipts | CREATE (r:CommandReceipt) SET r = receipt)`;

type Properties = Record<string, unknown>;
interface Linked {
  node: Properties;
  edge: Properties;
}
interface Device extends Linked {
  key: Properties;
  methods: (Linked & { used: Properties })[];
}
/** A customer written by an import. */
export interface Sample {
  customer: Properties;
  key: Properties;
  devices: Device[];
  addresses: Linked[];
  identifiers: Linked[];
  events: Properties[];
  receipts: Properties[];
}

/** @param most the maximum number of customers */
export async function readSample(graph: Graph, most: number): Promise<Sample[]> {
  const session = graph.writeSession();
  try {
    const { records: receipts } = await session.run(READ_RECEIPT, {
      caller: workflowCaller(WorkflowName.onboardCustomer),
    });
    const receipt = receipts[0]?.get('receipt') as Properties;
    const { records } = await session.run(READ, { most: BigInt(most) });
    return records.map((record) => {
      const sample = record.toObject() as Omit<Sample, 'receipts'>;
      // Each line has a different device.
      return { ...sample, receipts: sample.devices.map(() => receipt) };
    });
  } finally {
    await session.close();
  }
}

/** Writes a copy in one auto-commit transaction. */
export async function writeCopy(graph: Graph, sample: Sample): Promise<void> {
  const session = graph.writeSession();
  try {
    await session.run(WRITE, withNewIds(sample));
  } finally {
    await session.close();
  }
}

const hash = () => `bench:${randomUUID()}${randomUUID()}`;

/** The same values with new ids and hashes, which are unique. */
function withNewIds(sample: Sample): Sample {
  const ids = new Map<unknown, string>();
  const newId = (old: unknown) => {
    const id = ids.get(old) ?? randomUUID();
    ids.set(old, id);
    return id;
  };
  const node = (properties: Properties, hashed: string): Properties => ({
    ...properties,
    id: newId(properties.id),
    [hashed]: hash(),
  });
  return {
    customer: { ...sample.customer, id: newId(sample.customer.id) },
    key: { ...sample.key, customer_id: newId(sample.customer.id) },
    devices: sample.devices.map((device) => ({
      ...device,
      node: node(device.node, 'fingerprint_hash'),
      key: { ...device.key, device_id: newId(device.node.id) },
      methods: device.methods.map((method) => ({ ...method, node: node(method.node, 'token_hash') })),
    })),
    addresses: sample.addresses.map((address) => ({
      ...address,
      node: { ...address.node, id: randomUUID() },
    })),
    identifiers: sample.identifiers.map((identifier) => ({
      ...identifier,
      node: node(identifier.node, 'value_hash'),
    })),
    events: sample.events.map((event) => ({
      ...event,
      id: randomUUID(),
      stream_id: newId(event.stream_id),
    })),
    receipts: sample.receipts.map((receipt) => ({ ...receipt, key: randomUUID() })),
  };
}
