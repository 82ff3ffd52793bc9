import { isDeepStrictEqual } from 'node:util';
import { BlindValue, type Difference, type GraphModel, type Properties, splitRef } from '../events/model.ts';

/** Readable in a node because queries need them, but never to be printed or logged. */
const PERSONAL: ReadonlySet<string> = new Set([
  'Customer.gateway_customer_ref',
  'Address.city',
  'Address.zip_code',
  'Device.last_seen_user_agent',
  'PaymentMethod.instrument_fingerprint',
  'ChargeAttempt.instrument_fingerprint',
]);

/** Properties without events (docs/reference/graph.md, 'Invariants' 4): the current lease of a notice. */
const EXEMPT: ReadonlySet<string> = new Set(['Notice.lease_holder', 'Notice.leased_at']);

/** Every node, edge and property in which the graph differs from the log. */
export function compare(expected: GraphModel, live: GraphModel): Difference[] {
  return [
    ...missingOrExtra(expected.nodes, live.nodes),
    ...missingOrExtra(expected.edges, live.edges),
    ...[...expected.nodes].flatMap(([where, properties]) => {
      const found = live.nodes.get(where);
      return found ? compareProperties(where, properties, found, splitRef(where).label) : [];
    }),
    ...[...expected.edges].flatMap(([where, { properties }]) => {
      const found = live.edges.get(where)?.properties;
      return found ? compareProperties(where, properties, found) : [];
    }),
  ];
}

function missingOrExtra(
  expected: ReadonlyMap<string, unknown>,
  found: ReadonlyMap<string, unknown>,
): Difference[] {
  const missing = [...expected.keys()].filter((where) => !found.has(where));
  const extra = [...found.keys()].filter((where) => !expected.has(where));
  return [
    ...missing.map((where) => ({ where, property: 'exists', expected: true, found: false })),
    ...extra.map((where) => ({ where, property: 'exists', expected: false, found: true })),
  ];
}

function compareProperties(where: string, wanted: Properties, found: Properties, label = ''): Difference[] {
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  return [...names].flatMap((property) => {
    // To Neo4j a property that is null and one that is absent are the same.
    const [expected, present] = [wanted[property] ?? null, found[property] ?? null];
    if (EXEMPT.has(`${label}.${property}`) || isSame(expected, present)) return [];
    if (PERSONAL.has(`${label}.${property}`))
      return [{ where, property, expected: '[personal data]', found: '[other personal data]' }];
    return [{ where, property, expected, found: present }];
  });
}

function isSame(expected: unknown, found: unknown): boolean {
  return expected instanceof BlindValue ? expected.equals(found) : isDeepStrictEqual(expected, found);
}
