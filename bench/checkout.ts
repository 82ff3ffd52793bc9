/** What a customer may pay with, compared with a bare server that makes the same queries, by Chimera's state. */

import {
  GetPaymentOptionsRequest,
  GetPaymentOptionsResponse,
  PersonaAgentService,
} from '../proto/gen/persona/v1/persona_agent.ts';
import { addVerifiedCardholders, type Cardholder } from './customers.ts';
import { type GrpcCaller, openGrpcCaller } from './grpc-caller.ts';
import type { Comparison, Findings } from './result.ts';
import { loadServer, serverFigures, type ServerTurns, turnDuration } from './server-load.ts';
import { sideBySide } from './side-by-side.ts';
import type { BenchSystem } from './system.ts';

const CUSTOMERS = 100;
const IN_FLIGHT = 16;
const REPETITIONS = 5;
const TURN_MS = turnDuration(700);
const WARM_UP_TURNS = 2;
/** Slower than a response waits, faster than a report is given up: the breaker stays closed. */
const SLOW_MS = 500;

const SITUATIONS = [
  { name: 'no device', mode: 'ok', withDevice: false, isConservative: true },
  { name: 'trusted device', mode: 'ok', withDevice: true, isConservative: false },
  {
    name: 'trusted device, Chimera slow',
    mode: `{"slow_ms":${SLOW_MS}}`,
    withDevice: true,
    isConservative: true,
  },
  // The last one: the breaker stays open for ten seconds.
  { name: 'trusted device, Chimera away', mode: 'away', withDevice: true, isConservative: true },
] as const;
type Situation = (typeof SITUATIONS)[number];

export const checkoutBenchmark = {
  name: 'checkout',
  title: 'Checkout options against a bare grpc-js server',
  conditions:
    `\`GetPaymentOptions\` of ${CUSTOMERS} customers with a device and a verified card each, ${IN_FLIGHT} in flight; ${REPETITIONS} turns of ${TURN_MS / 1_000} s. ` +
    'Bare: a handler that runs the same two statements in auto-commit transactions and tells Chimera nothing. Persona notifies Chimera of ' +
    `a trusted device and waits for it for 100 ms at most. Slow: Chimera responds after ${SLOW_MS} ms. Away: it refuses, and Persona's ` +
    'breaker opens. In plain text',
  async run(system: BenchSystem): Promise<Findings> {
    const { addresses, log, startApi, startBare } = system;
    log(`adding ${CUSTOMERS} customers…`);
    const cardholders = await addVerifiedCardholders(system, CUSTOMERS);
    const [api, bareServer] = await Promise.all([startApi({}), startBare('grpc-server', { GRPC_PORT: 0 })]);
    const { path } = PersonaAgentService.getPaymentOptions;
    const persona = openGrpcCaller(String(api.ready.grpc), path);
    const bare = openGrpcCaller(String(bareServer.ready.grpc), path);
    const compare = ({ withDevice }: Situation, repetitions: number): Promise<ServerTurns> => {
      const requests = cardholders.map((cardholder) => requestOf(cardholder, withDevice));
      const turn = (caller: GrpcCaller, pid: number) => () =>
        loadServer({ ms: TURN_MS, inFlight: IN_FLIGHT, pid }, (n) =>
          caller.call(requests[n % requests.length] as Uint8Array),
        );
      return sideBySide(turn(persona, api.pid), turn(bare, bareServer.pid), repetitions);
    };
    try {
      const comparisons: Comparison[] = [];
      for (const situation of SITUATIONS) {
        log(`checkout, ${situation.name}…`);
        await setMode(addresses.chimera_control, situation.mode);
        if (comparisons.length === 0) await compare(situation, WARM_UP_TURNS);
        await check(persona, cardholders[0] as Cardholder, situation);
        // Each response waits for a slow Chimera, so that goals for throughput and p99 would mean nothing.
        const goals = !situation.mode.includes('slow');
        const turns = await compare(situation, REPETITIONS);
        comparisons.push(...serverFigures(situation.name, turns, { goals }));
      }
      return { comparisons };
    } finally {
      await setMode(addresses.chimera_control, 'ok');
      persona.close();
      bare.close();
      await Promise.all([api.stop(), bareServer.stop()]);
    }
  },
};

function requestOf({ customer_id, device_id }: Cardholder, withDevice: boolean): Uint8Array {
  return GetPaymentOptionsRequest.encode({ customer_id, device_id: withDevice ? device_id : '' }).finish();
}

async function setMode(control: string, body: string): Promise<void> {
  const response = await fetch(`${control}/_sim/mode`, { method: 'PUT', body });
  if (!response.ok) throw new Error(await response.text());
}

/** A single call, so that what is measured is what the row says. */
async function check(
  persona: GrpcCaller,
  cardholder: Cardholder,
  { name, withDevice, isConservative }: Situation,
): Promise<void> {
  const answer = GetPaymentOptionsResponse.decode(await persona.call(requestOf(cardholder, withDevice)));
  const { items, device_trusted, conservative } = answer;
  if (items.length !== 1 || device_trusted !== withDevice || conservative !== isConservative)
    throw new Error(`unexpected options with ${name}: ${JSON.stringify(answer)}`);
}
