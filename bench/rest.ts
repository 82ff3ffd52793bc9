/** A customer's wallet over REST compared with a bare Hono route: in plain text, and over TLS with customers' tokens. */

import type { DevelopmentAccess } from '../dev/access/access.ts';
import { addCustomers } from './customers.ts';
import { type Proof, tokenProof } from './proof.ts';
import { openRestCaller, type RestCaller } from './rest-caller.ts';
import type { Findings } from './result.ts';
import { loadServer, serverFigures, serverGrid, type ServerTurns, turnDuration } from './server-load.ts';
import { sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const CUSTOMERS = 100;
const IN_FLIGHT = [1, 16, 64];
/** The number in flight whose figures are shown in full. */
const MAIN = 16;
const REPETITIONS = 5;
const TURN_MS = turnDuration(700);
const WARM_UP_TURNS = 4;

interface Mode {
  name: string;
  /** As in the benchmark of contexts. */
  variables?: Record<string, string>;
  /** Of each customer; absent: plain text without tokens. */
  proofs?: Proof[];
}

interface Measured {
  mode: string;
  inFlight: number;
  turns: ServerTurns;
}

export const restBenchmark = {
  name: 'rest',
  title: 'A wallet over REST against a bare Hono route, with and without TLS and authentication',
  conditions:
    `\`GET …/payment-methods\` of ${CUSTOMERS} customers with three cards each; ${REPETITIONS} turns of ${TURN_MS / 1_000} s for each cell, over kept ` +
    'connections, one for each call in flight. Bare: a Hono route on the same adapter that runs the same two statements in auto-commit ' +
    "transactions and returns the same body. With TLS both servers have the same certificate, and are sent each customer's access " +
    'token, which the bare one does not read',
  async run(system: BenchSystem): Promise<Findings> {
    const { graph, log } = system;
    log(`adding ${CUSTOMERS} customers…`);
    const customers = await addCustomers(graph, CUSTOMERS);
    const measured: Measured[] = [];
    for (const mode of await modesOf(await system.startAccess(), customers)) {
      log(`rest, ${mode.name}…`);
      measured.push(...(await measureMode(system, mode, customers)));
    }
    const rows = Object.entries(Object.groupBy(measured, ({ mode }) => mode)).map(([what, cells = []]) => ({
      what,
      cells,
    }));
    return {
      comparisons: measured
        .filter(({ inFlight }) => inFlight === MAIN)
        .flatMap(({ mode, inFlight, turns }) => serverFigures(`${mode}, ${inFlight} in flight`, turns)),
      grids: [
        serverGrid(
          IN_FLIGHT.map((inFlight) => `${inFlight} in flight`),
          rows,
        ),
      ],
    };
  },
};

async function modesOf(access: DevelopmentAccess, customers: readonly string[]): Promise<Mode[]> {
  const proofs = await Promise.all(customers.map((customer_id) => tokenProof(access, { customer_id })));
  return [
    { name: 'plain' },
    { name: 'token', variables: { ...access.variables, PERSONA_INSECURE: '' }, proofs },
  ];
}

async function measureMode(
  { startApi, startBare }: BenchSystem,
  { name: mode, variables, proofs }: Mode,
  customers: readonly string[],
): Promise<Measured[]> {
  const unlimited = { RATE_LIMIT_CUSTOMER: '1000000' };
  const [api, bareServer] = await Promise.all([
    startApi({ ...variables, ...unlimited }),
    startBare('rest-server', { HTTP_PORT: 0 }, variables),
  ]);
  const callers = { persona: String(api.ready.http), bare: String(bareServer.ready.http) };
  const get = (caller: RestCaller, n: number) => {
    const index = n % customers.length;
    return caller.get(`/api/v1/customers/${customers[index]}/payment-methods`, proofs?.[index]?.token);
  };
  const compare = async (inFlight: number, repetitions: number): Promise<ServerTurns> => {
    const persona = openRestCaller(callers.persona, inFlight, proofs?.[0]);
    const bare = openRestCaller(callers.bare, inFlight, proofs?.[0]);
    const turn = (caller: RestCaller, pid: number) => () =>
      loadServer({ ms: TURN_MS, inFlight, pid }, (n) => get(caller, n));
    try {
      const bodies = await Promise.all([get(persona, 0), get(bare, 0)]);
      if (bodies[0] !== bodies[1])
        throw new Error(`the two servers return different bodies: ${bodies.join('\n')}`);
      return await sideBySide(turn(persona, api.pid), turn(bare, bareServer.pid), repetitions);
    } finally {
      persona.close();
      bare.close();
    }
  };
  try {
    await compare(MAIN, WARM_UP_TURNS);
    const measured: Measured[] = [];
    for (const inFlight of IN_FLIGHT)
      measured.push({ mode, inFlight, turns: await compare(inFlight, REPETITIONS) });
    return measured;
  } finally {
    await Promise.all([api.stop(), bareServer.stop()]);
  }
}
