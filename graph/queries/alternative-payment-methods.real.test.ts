import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isExpired } from '../../domain/payment-method.ts';
import { runCypher, testGraph } from '../../test/test-graph.ts';
import { getAlternativePaymentMethods } from './alternative-payment-methods.ts';

const graph = await testGraph();

const NOW = Date.parse('2026-06-15T06:00:00Z');
const THRESHOLD = 0.7;

/** Mostly the first value, so that the rule accepts some methods; each of the others often enough. */
const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(...others) },
  );

const method = fc.record({
  status: mostly('active', 'failed', 'inactive', 'unverified', 'expired', 'compromised'),
  proven: mostly(true, false),
  consent: mostly(true, false),
  /** Around the day on which a card has expired everywhere. */
  expires_on: mostly<string | null>('2031-12-31', null, '2026-06-13', '2026-06-14', '2026-06-15'),
  /** Few enough to cause ties. */
  last_used: fc.constantFrom(
    '2026-06-01T00:00:00.000Z',
    '2026-06-02T00:00:00.000Z',
    '2026-06-03T00:00:00.000Z',
  ),
  removed: mostly(false, true),
  /** Few enough that some methods are tokens of one card. */
  number: mostly<string | null>(null, 'a', 'b', 'c'),
  used_on: fc.subarray([0, 1, 2, 3]),
});
const device = fc.record({
  score: mostly(THRESHOLD, 0, 0.69, 1),
  /** How this customer and a stranger log in from it. */
  own: mostly('proven', 'unproven', 'none'),
  stranger: fc.constantFrom('proven', 'none'),
});
/** On the method's card or, without a card key, on the method itself; the attempt may be another customer's. */
const decline = fc.record({
  method: fc.nat(7),
  on: fc.constantFrom('method', 'number'),
  kind: mostly('soft', 'visa_14', 'dead', 'dead_void'),
});
const world = fc.record({
  declines: fc.array(decline, { maxLength: 3 }),
  methods: fc.array(method, { minLength: 1, maxLength: 8 }),
  devices: fc.array(device, { minLength: 4, maxLength: 4 }),
  failed: fc.nat(7),
  requireTrustedDevice: fc.boolean(),
});
type World = typeof world extends fc.Arbitrary<infer W> ? W : never;

const WRITE = `
  CREATE (c:Customer {id: $customer_id}) CREATE (stranger:Customer {id: $stranger_id})
  WITH c, stranger
  CALL (c, stranger) {
    UNWIND $devices AS device
    CREATE (d:Device {id: device.id, fingerprint_hash: device.id, trust_score: device.score})
    FOREACH (_ IN CASE WHEN device.own <> 'none' THEN [1] ELSE [] END |
      CREATE (c)-[:LOGGED_IN_FROM {proven: device.own = 'proven'}]->(d))
    FOREACH (_ IN CASE WHEN device.stranger <> 'none' THEN [1] ELSE [] END |
      CREATE (stranger)-[:LOGGED_IN_FROM {proven: true}]->(d))
    RETURN count(*) AS devices
  }
  UNWIND $methods AS method
  CREATE (p:PaymentMethod {id: method.id, token_hash: method.id, status: method.status,
    expires_on: date(method.expires_on), removed_at: CASE WHEN method.removed THEN datetime() END,
    instrument_fingerprint: method.number})
  CREATE (c)-[:HAS_PAYMENT_METHOD {proven: method.proven, off_session_consent: method.consent,
    last_used: datetime(method.last_used), is_default: false}]->(p)
  WITH p, method
  UNWIND method.used_on AS device_id
  MATCH (d:Device {id: device_id})
  CREATE (p)-[:USED_ON]->(d)`;

const WRITE_DECLINES = `
  UNWIND $declines AS decline
  CREATE (a:ChargeAttempt {key: randomUUID(), claimed_at: datetime()}) SET a += decline`;

const KINDS = {
  soft: { state: 'declined', rule: 'visa:51', network: 'visa' },
  visa_14: { state: 'declined', rule: 'visa:14', network: 'visa' },
  dead: { state: 'declined', rule: 'mastercard:43', network: 'mastercard', card_dead: true },
  dead_void: { state: 'void', rule: 'mastercard:43', network: 'mastercard', card_dead: true },
} as const;

/** The rule as specified, by brute force. */
function oracle(
  { methods, devices, declines, failed, requireTrustedDevice }: World,
  ids: string[],
): string[] {
  const failedCard = methods[failed % methods.length]?.number ?? null;
  const isForbidden = (index: number) =>
    declines.some((one) => {
      const on = one.method % methods.length;
      const number = methods[on]?.number ?? null;
      const forbids = one.kind === 'visa_14' || one.kind === 'dead';
      if (one.on === 'method' || number === null) return forbids && on === index && number === null;
      return forbids && methods[index]?.number === number;
    });
  return methods
    .map((m, index) => ({ ...m, id: String(ids[index]), index }))
    .filter((m) => m.index !== failed % methods.length && !isForbidden(m.index))
    .filter((m) => m.number === null || m.number !== failedCard)
    .filter((m) => m.status === 'active' && m.proven && m.consent && !m.removed)
    .filter((m) => m.expires_on === null || !isExpired(m.expires_on, NOW))
    .filter(
      (m) =>
        !requireTrustedDevice ||
        m.used_on.some((n) => devices[n]!.score >= THRESHOLD && devices[n]!.own === 'proven'),
    )
    .sort((a, b) => {
      if (a.last_used !== b.last_used) return a.last_used > b.last_used ? -1 : 1;
      return a.id < b.id ? -1 : 1;
    })
    .map((m) => m.id);
}

async function ask(w: World): Promise<{ answer: string[]; ids: string[] }> {
  const customer_id = randomUUID();
  const ids = w.methods.map(() => randomUUID());
  const deviceIds = w.devices.map(() => randomUUID());
  const numberOf = (number: string | null) => number && `${customer_id}-${number}`;
  await runCypher(graph, WRITE, {
    customer_id,
    stranger_id: randomUUID(),
    devices: w.devices.map((d, n) => ({ ...d, id: deviceIds[n] })),
    methods: w.methods.map((m, n) => ({
      ...m,
      number: numberOf(m.number),
      id: ids[n],
      used_on: m.used_on.map((d) => deviceIds[d]),
    })),
  });
  await runCypher(graph, WRITE_DECLINES, {
    declines: w.declines.map(({ method: at, on, kind }) => {
      const index = at % w.methods.length;
      const number = numberOf(w.methods[index]?.number ?? null);
      // An attempt from when the token had another card key.
      const before = number === null ? null : randomUUID();
      const one = on === 'number' && number !== null;
      return {
        ...KINDS[kind as keyof typeof KINDS],
        payment_method_id: one ? randomUUID() : ids[index],
        instrument_fingerprint: one ? number : before,
      };
    }),
  });
  const answer = await getAlternativePaymentMethods(graph, {
    customer_id,
    failed_payment_method_id: String(ids[w.failed % ids.length]),
    policy: {
      trust: { initial: 0.5, threshold: THRESHOLD },
      recovery: { requireTrustedDevice: w.requireTrustedDevice },
    },
    now: NOW,
  });
  return { answer, ids };
}

test('on random graphs the alternatives and their order follow the rule', async () => {
  let found = 0;
  await fc.assert(
    fc.asyncProperty(world, async (w) => {
      const { answer, ids } = await ask(w);
      expect(answer).toEqual(oracle(w, ids));
      found += answer.length;
    }),
    { numRuns: 120 },
  );
  // The rule accepts some methods in these graphs.
  expect(found).toBeGreaterThan(50);
});
