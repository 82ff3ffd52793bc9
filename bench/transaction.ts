/** The transaction of an onboarding compared with minimal Cypher that writes the same nodes and edges. */

import { randomUUID } from 'node:crypto';
import type { OnboardingRequest } from '../domain/onboarding.ts';
import { type Graph, onboard } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import { headerOf, newCustomerRequest } from './customers.ts';
import type { Findings } from './result.ts';
import { toComparison, runCalls, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const ONBOARDINGS = 300;
const IN_FLIGHT = 8;
const ONE_BY_ONE = 150;
const WARM_UP = 3_000;

/** Everything written by one onboarding, as maps of properties, to be written again under new ids. */
const READ = `
  MATCH (c:Customer {id: $customer_id})-[login:LOGGED_IN_FROM]->(d:Device)
  MATCH (c)-[shipped:SHIPPED_TO]->(a:Address)
  MATCH (c)-[owns:HAS_DIGITAL_IDENTIFIER]->(i:DigitalIdentifier)
  MATCH (c)-[has:HAS_PAYMENT_METHOD]->(p:PaymentMethod)-[used:USED_ON]->(d)
  MATCH (ck:CustomerKey {customer_id: c.id})
  MATCH (dk:DeviceKey {device_id: d.id})
  MATCH (r:CommandReceipt {caller: $caller, key: $key})
  RETURN properties(c) AS c, properties(d) AS d, properties(a) AS a, properties(i) AS i, properties(p) AS p,
    properties(ck) AS ck, properties(dk) AS dk, properties(r) AS r, properties(login) AS login,
    properties(shipped) AS shipped, properties(owns) AS owns, properties(has) AS has, properties(used) AS used,
    COLLECT { MATCH (e:PersonaEvent) WHERE e.stream_id IN [c.id, d.id] RETURN properties(e) } AS events`;

const WRITE = `
  CREATE (c:Customer) SET c = $c
  CREATE (d:Device) SET d = $d
  CREATE (a:Address) SET a = $a
  CREATE (i:DigitalIdentifier) SET i = $i
  CREATE (p:PaymentMethod) SET p = $p
  CREATE (ck:CustomerKey) SET ck = $ck
  CREATE (dk:DeviceKey) SET dk = $dk
  CREATE (r:CommandReceipt) SET r = $r
  CREATE (c)-[login:LOGGED_IN_FROM]->(d) SET login = $login
  CREATE (c)-[shipped:SHIPPED_TO]->(a) SET shipped = $shipped
  CREATE (c)-[owns:HAS_DIGITAL_IDENTIFIER]->(i) SET owns = $owns
  CREATE (c)-[has:HAS_PAYMENT_METHOD]->(p) SET has = $has
  CREATE (p)-[used:USED_ON]->(d) SET used = $used
  WITH 1 AS done
  UNWIND $events AS event
  CREATE (e:PersonaEvent) SET e = event`;

type Properties = Record<string, unknown>;
type Written = Record<string, Properties> & { events: Properties[] };

export const transactionBenchmark = {
  name: 'transaction',
  title: "Onboarding's transaction against minimal Cypher",
  conditions:
    'A new customer with an e-mail address, a device, an address and a card: recognised, locked, encrypted, written with its events ' +
    'and its receipt. Bare: one CREATE of the same nodes and edges with the same properties, in an auto-commit transaction, from ' +
    `prepared values. Turns of ${ONBOARDINGS}, ${IN_FLIGHT} in flight, and of ${ONE_BY_ONE}, one after the other`,
  async run({ graph }: Pick<BenchSystem, 'graph'>): Promise<Findings> {
    const policy = readPolicy();
    const onboardOne = async () => {
      const request: OnboardingRequest = {
        ...newCustomerRequest(),
        payment_method_details: { type: 'card', token: `pm_${randomUUID()}`, off_session_consent: true },
      };
      const header = headerOf(request);
      const { customer_id } = await onboard(graph, header, { request, policy });
      return { customer_id, caller: header.caller, key: header.idempotencyKey };
    };
    const template = await readBack(graph, await onboardOne());
    const write = async () => {
      const session = graph.writeSession();
      try {
        await session.run(WRITE, withNewIds(template));
      } finally {
        await session.close();
      }
    };
    // Until Neo4j's JVM is warm.
    await runCalls(WARM_UP, IN_FLIGHT, onboardOne);
    await runCalls(WARM_UP, IN_FLIGHT, write);
    const many = await sideBySide(
      () => runCalls(ONBOARDINGS, IN_FLIGHT, onboardOne),
      () => runCalls(ONBOARDINGS, IN_FLIGHT, write),
    );
    const single = await sideBySide(
      () => runCalls(ONE_BY_ONE, 1, onboardOne),
      () => runCalls(ONE_BY_ONE, 1, write),
    );
    return {
      comparisons: [
        {
          ...toComparison(`${IN_FLIGHT} in flight`, 'onboardings/s', 'perSecond', many),
          goal: { atLeast: 0.6 },
        },
        { ...toComparison('one by one', 'onboardings/s', 'perSecond', single), goal: { atLeast: 0.6 } },
        toComparison('one by one, p50', 'ms', 'p50', single),
      ],
    };
  },
};

async function readBack(graph: Graph, about: Properties): Promise<Written> {
  const session = graph.writeSession();
  try {
    const { records } = await session.run(READ, about);
    const [record] = records;
    if (record === undefined)
      throw new Error('the onboarding has written other nodes than this benchmark expects');
    return record.toObject() as Written;
  } finally {
    await session.close();
  }
}

/** The same values with new ids and hashes, which are unique. */
function withNewIds({ c, d, a, i, p, ck, dk, r, events, ...edges }: Written): Properties {
  const [customer, device] = [randomUUID(), randomUUID()];
  const hash = () => `bench:${randomUUID()}${randomUUID()}`;
  return {
    ...edges,
    c: { ...c, id: customer },
    d: { ...d, id: device, fingerprint_hash: hash() },
    a: { ...a, id: randomUUID() },
    i: { ...i, id: randomUUID(), value_hash: hash() },
    p: { ...p, id: randomUUID(), token_hash: hash() },
    ck: { ...ck, customer_id: customer },
    dk: { ...dk, device_id: device },
    r: { ...r, key: randomUUID() },
    events: events.map((event) => ({
      ...event,
      id: randomUUID(),
      stream_id: event.stream === 'customer' ? customer : device,
    })),
  };
}
