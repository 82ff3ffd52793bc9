/**
 * `GetCustomerContext` compared with a bare grpc-js server: one process each, the same caller; in plain text, with client
 * certificates, and with access tokens.
 */

import type { DevelopmentAccess } from '../dev/access/access.ts';
import { GetCustomerContextRequest, PersonaAgentService } from '../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../proto/gen/persona/v1/types.ts';
import { addCustomers } from './customers.ts';
import { openDisclosingMeasure } from './disclosing.ts';
import { type GrpcCaller, openGrpcCaller } from './grpc-caller.ts';
import { certificateProof, type Proof, tokenProof } from './proof.ts';
import type { Comparison, FigureTable, Findings } from './result.ts';
import { loadServer, serverFigures, serverGrid, type ServerTurns, turnDuration } from './server-load.ts';
import { sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const CUSTOMERS = 100;
/** Fewer, so that nearly all reads are answered from the cache although each context is read again after two seconds. */
const CACHED_CUSTOMERS = 10;
const IN_FLIGHT = [1, 16, 64, 256];
/** The number in flight that the goals are about. */
const MAIN = { cached: 64, STRONG: 16 } as const;
const CONSISTENCY = {
  cached: Consistency.CONSISTENCY_EVENTUAL,
  STRONG: Consistency.CONSISTENCY_STRONG,
} as const;
type Kind = keyof typeof CONSISTENCY;
const KINDS: readonly Kind[] = ['STRONG', 'cached'];
const REPETITIONS = 5;
const TURN_MS = turnDuration(500);
const WARM_UP_TURNS = 5;
const ROLE = 'cerebrum';

/** How callers reach both servers. */
interface Mode {
  name: string;
  /** Variables of both servers, in addition to the benchmark's; absent: plain text. */
  variables?: Record<string, string>;
  proof?: Proof;
}

/** One cell of the result. */
interface Measured {
  mode: string;
  kind: Kind;
  inFlight: number;
  turns: ServerTurns;
}

export const contextBenchmark = {
  name: 'context',
  title: '`GetCustomerContext` against a bare grpc-js server, with and without TLS and authentication',
  conditions:
    `${CUSTOMERS} customers with three devices, three cards and an address each; ${REPETITIONS} turns of ${TURN_MS / 1_000} s for each cell. ` +
    `Cached: of ${CACHED_CUSTOMERS} of them, compared with an echo of the same message. STRONG: compared with a handler that runs the same query in an auto-commit ` +
    'transaction. With TLS both servers have the same certificate: "certificate" is a client certificate, which the bare server requires ' +
    'and does not read; "token" an access token, which the bare server is sent as well and does not read. One connection each. Disclosures: ' +
    'of the same turns, the CPU time as measured against the same without what noting a disclosure takes, by a loop over the functions that note it',
  async run(system: BenchSystem): Promise<Findings> {
    const { graph, log } = system;
    log(`adding ${CUSTOMERS} customers…`);
    const customers = await addCustomers(graph, CUSTOMERS);
    const measured: Measured[] = [];
    for (const mode of await modesOf(await system.startAccess())) {
      log(`context, ${mode.name}…`);
      measured.push(...(await measureMode(system, mode, customers)));
    }
    const main = measured.filter(({ kind, inFlight }) => inFlight === MAIN[kind]);
    const noting = await openDisclosingMeasure(CACHED_CUSTOMERS);
    return {
      comparisons: main.flatMap(({ mode, kind, inFlight, turns }) => [
        ...serverFigures(`${kind}, ${mode}, ${inFlight} in flight`, turns),
        ...(kind === 'cached' ? [disclosureFigure(mode, turns, noting)] : []),
      ]),
      grids: [serverGrid(columns, byRow(measured))],
      tables: [serverTable(measured)],
    };
  },
};

async function modesOf(access: DevelopmentAccess): Promise<Mode[]> {
  const tls = { ...access.variables, PERSONA_INSECURE: '' };
  return [
    { name: 'plain' },
    {
      name: 'certificate',
      variables: { ...tls, BARE_CLIENT_CERTIFICATES: '1' },
      proof: certificateProof(access, ROLE),
    },
    { name: 'token', variables: tls, proof: await tokenProof(access, { role: ROLE }) },
  ];
}

async function measureMode(
  { startApi, startBare }: BenchSystem,
  { name: mode, variables, proof }: Mode,
  customers: readonly string[],
): Promise<Measured[]> {
  const { path } = PersonaAgentService.getCustomerContext;
  // A process for each mode, so that none has compiled its code for another one's calls.
  const api = await startApi(variables ?? {});
  const bareServer = await startBare('grpc-server', { GRPC_PORT: 0 }, variables);
  const persona = openGrpcCaller(String(api.ready.grpc), path, proof);
  const bare = openGrpcCaller(String(bareServer.ready.grpc), path, proof);
  const compare = (kind: Kind, inFlight: number, repetitions: number) => {
    const read = kind === 'cached' ? customers.slice(0, CACHED_CUSTOMERS) : customers;
    const requests = read.map((customer_id) =>
      GetCustomerContextRequest.encode({
        customer_id,
        transaction_id: `for ${customer_id}`,
        consistency: CONSISTENCY[kind],
        min_version: 0n,
      }).finish(),
    );
    const turn = (caller: GrpcCaller, pid: number) => () =>
      loadServer({ ms: TURN_MS, inFlight, pid }, (n) =>
        caller.call(requests[n % requests.length] as Uint8Array),
      );
    return sideBySide(turn(persona, api.pid), turn(bare, bareServer.pid), repetitions);
  };
  try {
    const measured: Measured[] = [];
    for (const kind of KINDS) {
      await compare(kind, MAIN[kind], WARM_UP_TURNS);
      for (const inFlight of IN_FLIGHT)
        measured.push({ mode, kind, inFlight, turns: await compare(kind, inFlight, REPETITIONS) });
    }
    return measured;
  } finally {
    persona.close();
    bare.close();
    await Promise.all([api.stop(), bareServer.stop()]);
  }
}

/** Per call, with and without noting to whom it gives out what. */
function disclosureFigure(mode: string, { persona }: ServerTurns, noting: () => number): Comparison {
  const processor = persona.map((turn) => turn.processor);
  return {
    what: `cached, ${mode}, CPU time with disclosures against without`,
    unit: 'µs/call',
    persona: processor,
    bare: processor.map((micros) => micros - noting()),
    goal: { atMost: 1.03 },
  };
}

function byRow(measured: readonly Measured[]): { what: string; cells: Measured[] }[] {
  const rows = Object.groupBy(measured, ({ kind, mode }) => `${kind}, ${mode}`);
  return Object.entries(rows).map(([what, cells = []]) => ({ what, cells }));
}

const columns = IN_FLIGHT.map((inFlight) => `${inFlight} in flight`);

/** What limits the figures above: a caller that is busy itself, and calls that Persona refuses. */
function serverTable(measured: readonly Measured[]): FigureTable {
  return {
    head: ['at most in any turn', ...columns],
    rows: byRow(measured).flatMap(({ what, cells }): FigureTable['rows'] => [
      [
        `${what}: CPU time of the caller (% of a core)`,
        ...cells.map(({ turns: { persona, bare } }) =>
          Math.max(...[...persona, ...bare].map((turn) => turn.callerBusy)),
        ),
      ],
      ...(cells.some(({ turns }) => turns.persona.some(({ refused }) => refused > 0))
        ? ([
            [
              `${what}: calls refused by Persona`,
              ...cells.map(({ turns }) => Math.max(...turns.persona.map(({ refused }) => refused))),
            ],
          ] as FigureTable['rows'])
        : []),
    ]),
  };
}
