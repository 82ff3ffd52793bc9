/** Takes in the customers of a file (docs/decisions/0046). */

import { stat } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import { validationError } from '../../domain/errors.ts';
import { validateOnboarding } from '../../domain/onboarding.ts';
import { formatRules } from '../../domain/onboarding-formats.ts';
import type { Policy } from '../../domain/policy.ts';
import { onboardingWorkflowId, WorkflowName, workflowCaller } from '../../domain/workflow-contracts.ts';
import {
  admitKeys,
  type Graph,
  migrate,
  onboard,
  openConfiguredGraph,
  noopObserver,
} from '../../graph/index.ts';
import { readCodecKeys, readGraphEnvironment, readTemporalEnvironment } from '../../platform/environment.ts';
import { readPolicy } from '../../platform/policy.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { startOnboarding } from '../../temporal/workflow-client.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode, toFailure } from '../failure.ts';
import { type Checkpoint, reportPath } from '../import/checkpoint.ts';
import { importFile, type Onboard } from '../import/import-file.ts';
import { withRetries } from '../import/with-retries.ts';
import { createProgress, type ProgressOutput } from '../import/progress.ts';
import type { Settings } from '../settings.ts';

/**
 * Onboards a file, one OnboardingRequest a line. Run again after it was stopped or killed, it goes on.
 * @throws CliFailure; EnvironmentError without the keys that seal what is written
 */
export async function importCustomers(
  settings: Settings,
  file: string,
  { actor, screen }: { actor: string; screen: ProgressOutput },
): Promise<CommandResult> {
  const bytes = await sizeOf(file);
  const { variables } = settings;
  const environment = readGraphEnvironment(variables);
  const codecKeys = readCodecKeys(variables);
  const temporal = readTemporalEnvironment(variables);
  const policy = readPolicy(variables.PERSONA_POLICY_FILE);
  const committed = new Set<string>();
  const graph = openConfiguredGraph(environment, {
    observer: { ...noopObserver, committed: ({ header }) => committed.add(header.idempotencyKey) },
  });
  let client: Client | undefined;
  let last: Checkpoint | undefined;
  const progress = createProgress(screen, bytes);
  try {
    await migrate(graph);
    await admitKeys(graph, { ...environment, codecKeys });
    client = await connectTemporal({
      ...temporal,
      apiKey: temporal.apiKey?.reveal(),
      codecKeys: codecKeys.reveal(),
    });
    const onboardLine = createLineOnboarder({ graph, client, policy, actor, committed });
    const done = await importFile(file, withRetries(onboardLine), (checkpoint) => {
      last = checkpoint;
      progress.show(checkpoint);
    });
    progress.end();
    return toCommandResult(file, done);
  } catch (error) {
    progress.end();
    throw withResumeHint(error, file, last);
  } finally {
    await client?.connection.close();
    await graph.close();
  }
}

/**
 * The command that the onboarding's process also runs, under the same key: whichever comes first, the other finds its
 * answer. What takes the gateway or Chimera is left to the process, which begins with that answer.
 * @param committed - the transactions that `graph` has just committed; a repeat, answered from its receipt, is not among them
 */
function createLineOnboarder({
  graph,
  client,
  policy,
  actor,
  committed,
}: {
  graph: Graph;
  client: Client;
  policy: Policy;
  actor: string;
  committed: Set<string>;
}): Onboard {
  const caller = workflowCaller(WorkflowName.onboardCustomer);
  return async (input) => {
    const checked = validateOnboarding(input, formatRules(policy));
    if (!checked.ok) throw validationError(checked.problems, checked.type);
    const { request } = checked;
    const correlationId = onboardingWorkflowId(request.transaction_id);
    const onboarded = await onboard(
      graph,
      {
        ...{ caller, actor, correlationId },
        idempotencyKey: request.transaction_id,
        occurredAt: request.occurred_at,
      },
      { request, policy },
    );
    if (onboarded.payment_method_status === 'unverified' || request.behavioral_data_snapshot !== undefined)
      await startOnboarding(client, { caller: actor, actor, correlation_id: correlationId, request });
    if (!committed.delete(request.transaction_id)) return 'repeated';
    return onboarded.created ? 'created' : 'recognised';
  };
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw new Error('it is a folder');
    return found.size;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliFailure(ExitCode.usageError, `${file} cannot be read: ${reason}`);
  }
}

function toCommandResult(
  file: string,
  { lines, created, recognised, repeated, rejected }: Checkpoint,
): CommandResult {
  const report = rejected > 0 ? reportPath(file) : undefined;
  const text = [
    `${file}: ${lines} lines, ${created} customers created, ${recognised} onboardings of known ones, ${repeated} repeated.`,
    ...(report ? [`${rejected} lines were rejected: ${report} says which and why.`] : []),
  ];
  return {
    document: { file, lines, created, recognised, repeated, rejected, ...(report && { report }) },
    text: text.join('\n'),
    exitCode: rejected > 0 ? ExitCode.failed : ExitCode.success,
  };
}

/** What a person can mend and then go on. */
const FILE_ERROR_CODES: ReadonlySet<unknown> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EROFS',
  'EACCES',
  'EISDIR',
  'EIO',
]);

/** The failure, with how far it came. */
function withResumeHint(error: unknown, file: string, last: Checkpoint | undefined): unknown {
  const isFileError = error instanceof Error && 'code' in error && FILE_ERROR_CODES.has(error.code);
  const failure = isFileError ? new CliFailure(ExitCode.failed, error.message) : toFailure(error);
  if (failure === undefined || (failure.exitCode !== ExitCode.unreachable && !isFileError)) return error;
  const done = last ? `${last.lines} lines of ${file} are done` : 'What was done before stays done';
  const advice = `${done}: run the same command again, and it goes on there`;
  return new CliFailure(failure.exitCode, `${failure.message}\n${advice}`, failure.problem);
}
