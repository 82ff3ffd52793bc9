import { readPolicy } from '../../platform/policy.ts';
import type { Answer } from '../answer.ts';
import { examine, type Finding, ok, wrong } from '../doctor/check.ts';
import { examineGraph } from '../doctor/graph.ts';
import {
  examineChimera,
  examineGateway,
  examineGrpc,
  examineNotifier,
  examineProcesses,
  examineRest,
} from '../doctor/others.ts';
import { examineTemporal } from '../doctor/temporal.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';

const WANTED_NODE = 24;
const MARKS: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok',
  wrong: 'WRONG',
  unreachable: 'UNREACHABLE',
};

/** Looks at everything that Persona needs, and says what is wrong and what to do. */
export async function doctor(settings: Settings): Promise<Answer> {
  const [processes, graph, temporal, rest, grpc, gateway, notifier, chimera, policy] = await Promise.all([
    examineProcesses(settings),
    examineGraph(settings),
    examineTemporal(settings),
    examine(() => examineRest(settings)),
    examine(() => examineGrpc(settings)),
    examine(
      () => examineGateway(settings),
      'STRIPE_API_BASE and STRIPE_API_KEY say where it is and who asks',
    ),
    examine(() => examineNotifier(settings)),
    examine(() => examineChimera(settings)),
    examine(() => examinePolicy(settings)),
  ]);
  const findings: Record<string, Finding> = {
    node: examineNode(),
    addresses: examineAddresses(settings),
    policy,
    ...graph,
    ...temporal,
    rest,
    grpc,
    ...processes,
    gateway,
    notifier,
    chimera,
  };
  const states = Object.values(findings).map(({ state }) => state);
  const isWell = states.every((state) => state === 'ok');
  return {
    document: {
      ok: isWell,
      checks: Object.entries(findings).map(([name, finding]) => ({ name, ...finding })),
    },
    text: [
      ...lines(findings),
      '',
      isWell ? 'Everything is well.' : 'Not everything is well: see above.',
    ].join('\n'),
    exitCode: exitCodeOf(states),
  };
}

function exitCodeOf(states: readonly Finding['state'][]): number {
  if (states.includes('unreachable')) return ExitCode.unreachable;
  return states.includes('wrong') ? ExitCode.badAnswer : ExitCode.done;
}

function lines(findings: Record<string, Finding>): string[] {
  const width = Math.max(...Object.keys(findings).map((name) => name.length));
  return Object.entries(findings).flatMap(([name, { state, detail, remedy }]) => {
    const indent = ' '.repeat(width + 15);
    const said = `${name.replaceAll('_', ' ').padEnd(width)}  ${MARKS[state].padEnd(11)}  ${detail.replaceAll('\n', `\n${indent}`)}`;
    return remedy === undefined ? [said] : [said, `${indent}→ ${remedy}`];
  });
}

function examineNode(): Finding {
  const { version } = process;
  return version.startsWith(`v${WANTED_NODE}.`)
    ? ok(version)
    : wrong(
        `${version} instead of ${WANTED_NODE}`,
        "Start it as 'npm run -s persona --': that takes the right one",
      );
}

/** Which copy this is about: what follows may be that of another one. */
function examineAddresses({ runFile: { path, content }, fromRunFile, variables }: Settings): Finding {
  if (content === undefined) {
    if (variables.NEO4J_URI === undefined && variables.TEMPORAL_ADDRESS === undefined)
      return wrong(
        `nothing runs here (there is no ${path}), and the environment names nothing elsewhere`,
        "'npm start' runs a copy here; for one elsewhere set the variables of .env.example",
      );
    return ok(`from the environment; there is no ${path}`);
  }
  const [gone] = Object.entries(content.pids).filter(([, pid]) => !isRunning(pid));
  if (gone !== undefined)
    return wrong(
      `${path} names the process ${gone[1]} (${gone[0]}), which has ended`,
      `Delete ${path}, and 'npm start'`,
    );
  return ok(fromRunFile.size > 0 ? `from ${path}` : 'from the environment');
}

async function examinePolicy({ variables }: Settings): Promise<Finding> {
  const { PERSONA_POLICY_FILE: file } = variables;
  readPolicy(file);
  return ok(file ?? 'as it comes');
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process, but a process.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
