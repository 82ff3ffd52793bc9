/** The scan of expiring cards beside the least that reads and writes the same. */

import { MockActivityEnvironment } from '@temporalio/testing';
import { createExpiryActivities } from '../activities/expiry.ts';
import { beginningOf } from '../domain/expiry/calendar.ts';
import type { GatewayPaymentMethod, PaymentGateway } from '../domain/ports.ts';
import { type Graph, readWallet, recordVerification } from '../graph/index.ts';
import { readPolicy } from '../platform/policy.ts';
import type { ExpiryActivities, ExpiryPlace } from '../workflows/monitor-expiring-cards.ts';
import { addCustomers } from './customers.ts';
import type { Comparison, Findings } from './result.ts';
import { compared, loadOf, sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';
import { addWorldCustomers } from './world.ts';

const SMALL = 10_000;
/** A million takes a quarter of an hour: where BENCH_EXPIRY_CARDS says so. */
const LARGE = Number(process.env.BENCH_EXPIRY_CARDS ?? 100_000);
const PAGE = 1_000;
/** Of every fifty cards one. */
const DUE = SMALL / 50;
/** When all of the world's cards are good for 30 days more. */
const END = '2030-12-31';
const NOW = beginningOf('2030-12-01');
const NOTICED = '2030-12:notice_30';
/** A page cache that holds the graph. */
const PAGE_CACHE = '4g';
const LANES = 8;
const FLAT = { atMost: 1.3 };

interface Scanned {
  /** Cards. */
  perSecond: number;
  /** The most that the heap held at a heartbeat, MB. */
  peak: number;
}

export const expiryBenchmark = {
  name: 'expiry',
  title: 'The scan of expiring cards against bare paged Cypher',
  conditions:
    `A graph of its own with cards that all have reached their last stage; the activity as the worker runs it, part after part, in this process, and a gateway that answers at once. With nothing due every notice was decided before. ` +
    `Bare: pages of ${PAGE} in the order of the same index, with each card's customer; for a card that is due one reading of the same gateway and one statement in an auto-commit transaction that writes the same two properties and the event, ${LANES} at once. ` +
    `In the row of memory what stands under "Persona" is the scan of ${LARGE} cards, under "bare" that of ${SMALL}`,
  async run({ startGraph, log }: BenchSystem): Promise<Findings> {
    const graph = await startGraph('expiry', PAGE_CACHE);
    try {
      await build(graph, 1, SMALL);
      const small = await sideBySide(
        () => scan(graph, new Map()),
        () => scanBare(graph),
      );
      log(`${SMALL} cards measured; ${DUE} that are due are being made…`);
      const gateway = await makeDue(graph);
      const due = await sideBySide(
        async () => {
          await setDue(graph, gateway);
          return scan(graph, gateway, DUE);
        },
        async () => {
          await setDue(graph, gateway);
          return scanBare(graph, gateway);
        },
      );
      await setNoticed(graph);
      log(`adding cards up to ${LARGE}…`);
      await build(graph, SMALL + 1, LARGE);
      const large = await sideBySide(
        () => scan(graph, new Map()),
        () => scanBare(graph),
      );
      const memory = { persona: large.persona, bare: small.persona };
      return {
        comparisons: [
          row(`nothing due, ${SMALL} cards`, small, 0.5),
          row(`nothing due, ${LARGE} cards`, large, 0.5),
          row(`2 % due, ${SMALL} cards`, due, 0.7),
          {
            ...compared(`heap, ${LARGE} cards beside ${SMALL}`, 'MB', 'peak', memory),
            goal: FLAT,
          },
        ],
      };
    } finally {
      await graph.close();
    }
  },
};

function row(what: string, sides: { persona: Scanned[]; bare: Scanned[] }, atLeast: number): Comparison {
  return { ...compared(what, 'cards/s', 'perSecond', sides), goal: { atLeast } };
}

type Gateway = ReadonlyMap<
  string,
  GatewayPaymentMethod & Record<'customer_id' | 'payment_method_id', string>
>;

/** @param due how many cards have to be found due */
async function scan(graph: Graph, methods: Gateway, due = 0): Promise<Scanned> {
  const usual = readPolicy();
  const gateway = { getPaymentMethod: async (token: string) => methods.get(token) };
  const { monitorCards } = createExpiryActivities({
    graph,
    gateway: gateway as Partial<PaymentGateway> as PaymentGateway,
    // What the gateway may be asked is no part of what is measured.
    policy: { ...usual, gateway: { maxPerSecond: Number.MAX_SAFE_INTEGER } },
    tellRecoveries: async () => {},
    followChange: async () => {},
    startNotice: async () => true,
    countCards: () => {},
    now: () => NOW,
  });
  let [scanned, notified, peak] = [0, 0, 0];
  const began = performance.now();
  let place: Parameters<ExpiryActivities['monitorCards']>[0] | undefined = {};
  while (place !== undefined) {
    const environment = new MockActivityEnvironment({
      workflowExecution: { workflowId: 'bench', runId: crypto.randomUUID() },
    });
    environment.on('heartbeat', () => {
      peak = Math.max(peak, process.memoryUsage().heapUsed / 1e6);
    });
    const part = (await environment.run(monitorCards, place)) as Awaited<ReturnType<typeof monitorCards>>;
    scanned += part.tally.scanned;
    notified += part.tally.notified;
    place = part.next && { scan: part.scan, after: part.next };
  }
  if (notified !== due) throw new Error(`${notified} cards were due instead of ${due}`);
  return { perSecond: (scanned * 1_000) / (performance.now() - began), peak };
}

const BARE_PAGE = `
  MATCH (p:PaymentMethod)
  USING INDEX p:PaymentMethod(status, expires_on, id)
  WHERE p.status = 'active' AND p.expires_on = date($day) AND p.id > $after
  WITH p ORDER BY p.status, p.expires_on, p.id LIMIT $limit
  MATCH (p)<-[h:HAS_PAYMENT_METHOD {is_default: true}]-(c:Customer {status: 'active'})
  RETURN p.id AS id, c.id AS customer_id, p.expiry_noticed AS noticed, p.token AS token`;

const BARE_NOTICE = `
  MATCH (c:Customer {id: $customer_id})
  MATCH (p:PaymentMethod {id: $id})
  SET c.version = c.version + 1, p.expiry_noticed = $noticed, p.notice_due = 'bare:' + p.id
  CREATE (:PersonaEvent {
    id: $event_id, stream_id: c.id, seq: c.version, type: 'ExpiryNoticeDue', occurred_at: datetime(), data: $data
  })`;

async function scanBare(graph: Graph, methods: Gateway = new Map()): Promise<Scanned> {
  const known = new Map([...methods.values()].map((method) => [method.payment_method_id, method]));
  let scanned = 0;
  const began = performance.now();
  let place: ExpiryPlace | undefined = { expires_on: END, payment_method_id: '' };
  while (place !== undefined) {
    const page: { id: string; customer_id: string; noticed: string | null }[] = await graph.read(BARE_PAGE, {
      ...{ day: END, after: place.payment_method_id, limit: PAGE },
    });
    scanned += page.length;
    const due = page.filter(({ noticed }) => noticed !== NOTICED);
    const notice = async (n: number) => {
      const { id, customer_id } = due[n] as (typeof due)[number];
      if (!known.has(id)) throw new Error(`the gateway does not know ${id}`);
      const data = JSON.stringify({ payment_method_id: id, expires_on: END, stage: 'notice_30' });
      await write(graph, BARE_NOTICE, {
        ...{ id, customer_id, noticed: NOTICED, data, event_id: crypto.randomUUID() },
      });
    };
    if (due.length > 0) await loadOf(due.length, LANES, notice);
    const last = page.at(-1);
    place = last && { expires_on: END, payment_method_id: last.id };
  }
  return { perSecond: (scanned * 1_000) / (performance.now() - began), peak: Number.NaN };
}

async function build(graph: Graph, from: number, to: number): Promise<void> {
  await addWorldCustomers(graph, from, to);
  await setNoticed(graph);
}

/** Every card has had its notice. */
function setNoticed(graph: Graph): Promise<void> {
  const all = `
    MATCH (p:PaymentMethod)
    CALL (p) { SET p.expiry_noticed = $noticed, p.notice_due = null } IN TRANSACTIONS OF 5000 ROWS`;
  return write(graph, all, { noticed: NOTICED });
}

/** Customers whose cards commands may change, whose month ends with the others'. @returns what the gateway says of them */
async function makeDue(graph: Graph): Promise<Gateway> {
  const methods = new Map<
    string,
    GatewayPaymentMethod & Record<'customer_id' | 'payment_method_id', string>
  >();
  const customers = await addCustomers(graph, DUE);
  await loadOf(customers.length, LANES, async (n) => {
    const customer_id = customers[n] as string;
    const [{ payment_method_id } = { payment_method_id: '' }] = await readWallet(graph, customer_id);
    const gateway_customer_ref = `cus_${customer_id}`;
    const token = `pm_${payment_method_id}`;
    const expiry = { expiry_month: 12, expiry_year: 2030 };
    const method = { token, type: 'card' as const, gateway_customer_ref, ...expiry };
    const occurredAt = new Date().toISOString();
    await recordVerification(
      graph,
      { caller: 'bench', actor: 'bench', idempotencyKey: token, correlationId: token, occurredAt },
      { customer_id, payment_method_id, gateway_customer_ref, answer: { result: 'attached', method } },
    );
    methods.set(token, { ...method, customer_id, payment_method_id });
  });
  return methods;
}

function setDue(graph: Graph, methods: Gateway): Promise<void> {
  const ids = [...methods.values()].map(({ payment_method_id }) => payment_method_id);
  const some =
    'UNWIND $ids AS id MATCH (p:PaymentMethod {id: id}) SET p.expiry_noticed = null, p.notice_due = null';
  return write(graph, some, { ids });
}

async function write(graph: Graph, cypher: string, parameters: Record<string, unknown>): Promise<void> {
  const session = graph.writeSession();
  try {
    await session.run(cypher, parameters);
  } finally {
    await session.close();
  }
}
