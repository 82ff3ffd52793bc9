import { readPolicy } from '../../platform/policy.ts';
import type { CommandResult } from '../command-result.ts';
import { runCheck, type CheckResult, ok, wrong } from '../doctor/check.ts';
import { checkCertificates } from '../doctor/certificates.ts';
import { checkCodecServer } from '../doctor/codec.ts';
import { checkGraph } from '../doctor/graph.ts';
import { checkIssuer } from '../doctor/issuer.ts';
import { checkKafka } from '../doctor/kafka.ts';
import { checkKms } from '../doctor/kms.ts';
import { checkNotifier } from '../doctor/notifier.ts';
import { checkRedis } from '../doctor/redis.ts';
import { checkChimera, checkGateway, checkGrpc, checkProcesses, checkRest } from '../doctor/servers.ts';
import { checkTemporal } from '../doctor/temporal.ts';
import { checkToken } from '../doctor/token.ts';
import { ExitCode } from '../failure.ts';
import type { Settings } from '../settings.ts';

const REQUIRED_NODE_MAJOR = 24;
const NOT_CHECKED = wrong('not checked: keys cannot be decrypted', "First correct what 'kms' reports");
const STATE_LABELS: Readonly<Record<CheckResult['state'], string>> = {
  ok: 'ok',
  wrong: 'WRONG',
  unreachable: 'UNREACHABLE',
};

/**
 * Checks everything that Persona depends on, concurrently, and reports what is wrong and how to fix it.
 * @param settings with keys as configured: those that AWS KMS has encrypted are checked, too
 */
export async function doctor(settings: Settings): Promise<CommandResult> {
  const kms = checkKms(settings);
  const [
    encrypted,
    processes,
    graph,
    temporal,
    codec_server,
    redis,
    issuer,
    token,
    rest,
    grpc,
    gateway,
    notifier,
    chimera,
    kafka,
    policy,
  ] = await Promise.all([
    kms.then(({ result }) => result && { kms: result }),
    checkProcesses(settings),
    kms.then((keys) => (keys.settings ? checkGraph(keys.settings) : { neo4j: NOT_CHECKED })),
    kms.then((keys) => (keys.settings ? checkTemporal(keys.settings) : { temporal: NOT_CHECKED })),
    kms.then((keys) =>
      keys.settings ? runCheck(() => checkCodecServer(keys.settings ?? settings)) : NOT_CHECKED,
    ),
    runCheck(() => checkRedis(settings)),
    runCheck(() => checkIssuer(settings)),
    checkToken(settings),
    runCheck(() => checkRest(settings)),
    runCheck(() => checkGrpc(settings)),
    runCheck(
      () => checkGateway(settings),
      'Check STRIPE_API_BASE (its address) and STRIPE_API_KEY (the credentials)',
    ),
    runCheck(() => checkNotifier(settings)),
    runCheck(() => checkChimera(settings)),
    kms.then((keys) => checkKafka(keys.settings ?? settings)),
    runCheck(() => checkPolicy(settings)),
  ]);
  const results: Record<string, CheckResult> = {
    node: checkNode(),
    addresses: checkAddresses(settings),
    policy,
    ...encrypted,
    ...graph,
    ...temporal,
    codec_server,
    redis,
    issuer,
    ...token,
    ...checkCertificates(settings),
    rest,
    grpc,
    ...processes,
    gateway,
    notifier,
    chimera,
    ...kafka,
  };
  const states = Object.values(results).map(({ state }) => state);
  const isHealthy = states.every((state) => state === 'ok');
  return {
    document: {
      ok: isHealthy,
      checks: Object.entries(results).map(([name, result]) => ({ name, ...result })),
    },
    text: [...lines(results), '', isHealthy ? 'All checks passed.' : 'Some checks failed: see above.'].join(
      '\n',
    ),
    exitCode: exitCodeOf(states),
  };
}

function exitCodeOf(states: readonly CheckResult['state'][]): number {
  if (states.includes('unreachable')) return ExitCode.unreachable;
  return states.includes('wrong') ? ExitCode.failed : ExitCode.success;
}

function lines(results: Record<string, CheckResult>): string[] {
  const width = Math.max(...Object.keys(results).map((name) => name.length));
  return Object.entries(results).flatMap(([name, { state, detail, remedy }]) => {
    const indent = ' '.repeat(width + 15);
    const resultLine = `${name.replaceAll('_', ' ').padEnd(width)}  ${STATE_LABELS[state].padEnd(11)}  ${detail.replaceAll('\n', `\n${indent}`)}`;
    return remedy === undefined ? [resultLine] : [resultLine, `${indent}→ ${remedy}`];
  });
}

function checkNode(): CheckResult {
  const { version } = process;
  return version.startsWith(`v${REQUIRED_NODE_MAJOR}.`)
    ? ok(version)
    : wrong(
        `${version}; Node.js ${REQUIRED_NODE_MAJOR} is required`,
        "Run it as 'npm run -s persona --', which uses the required version",
      );
}

/** Which installation the other checks examine. */
function checkAddresses({ runFile: { path, content }, fromRunFile, variables }: Settings): CheckResult {
  if (content === undefined) {
    if (variables.NEO4J_URI === undefined && variables.TEMPORAL_ADDRESS === undefined)
      return wrong(
        `no local instance is running (${path} does not exist), and the environment configures no other`,
        "Start one with 'npm start', or set the variables in .env.example to connect to another",
      );
    return ok(`from the environment; ${path} does not exist`);
  }
  const [deadProcess] = Object.entries(content.pids).filter(([, pid]) => !isRunning(pid));
  if (deadProcess !== undefined)
    return wrong(
      `${path} names process ${deadProcess[1]} (${deadProcess[0]}), which is no longer running`,
      `Delete ${path} and run 'npm start'`,
    );
  return ok(fromRunFile.size > 0 ? `from ${path}` : 'from the environment');
}

async function checkPolicy({ variables }: Settings): Promise<CheckResult> {
  const { PERSONA_POLICY_FILE: file } = variables;
  readPolicy(file);
  return ok(file ?? 'default');
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process exists, but belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
