/** Imports customers from a file (docs/decisions/05-identity-and-onboarding.md). */

import { stat } from 'node:fs/promises';
import type { Client } from '@temporalio/client';
import { validationError } from '../../domain/errors.ts';
import { validateOnboarding } from '../../domain/onboarding/validate.ts';
import { formatRules } from '../../domain/onboarding/formats.ts';
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
import { createProgress } from '../import/progress.ts';
import type { Settings } from '../settings.ts';

/**
 * Onboards the customers of a file, one OnboardingRequest per line. Run again after it was stopped or killed, it resumes.
 * @throws CliFailure; EnvironmentError without the keys that encrypt what is written
 */
export async function importCustomers(
  settings: Settings,
  file: string,
  { actor, printStatus }: { actor: string; printStatus(line: string): void },
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
  const progress = createProgress(process.stderr, bytes);
  try {
    await migrate(graph);
    await admitKeys(graph, { ...environment, codecKeys });
    client = await connectTemporal({
      ...temporal,
      apiKey: temporal.apiKey?.reveal(),
      codecKeys: codecKeys.reveal(),
    });
    const onboardLine = createLineOnboarder({ graph, client, policy, actor, committed });
    const showProgress = (checkpoint: Checkpoint) => {
      last = checkpoint;
      progress.show(checkpoint);
    };
    const done = await importFile(file, withRetries(onboardLine), showProgress, printStatus);
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
 * Runs the same command, under the same key, as the onboarding's process: whichever runs second gets the first one's
 * result. Steps that need the gateway or Chimera are left to the process, which starts from that result.
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
    if (found.isDirectory()) throw new Error('it is a directory');
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
    `${file}: ${lines} lines, ${created} customers created, ${recognised} existing customers recognised, ${repeated} repeated.`,
    ...(report ? [`${rejected} lines were rejected; the reasons are in ${report}.`] : []),
  ];
  return {
    document: { file, lines, created, recognised, repeated, rejected, ...(report && { report }) },
    text: text.join('\n'),
    exitCode: rejected > 0 ? ExitCode.failed : ExitCode.success,
  };
}

/** Errors that an operator can fix and then resume the import. */
const FILE_ERROR_CODES: ReadonlySet<unknown> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EROFS',
  'EACCES',
  'EISDIR',
  'EIO',
]);

/** The failure, with the progress made and how to resume. */
function withResumeHint(error: unknown, file: string, last: Checkpoint | undefined): unknown {
  const isFileError = error instanceof Error && 'code' in error && FILE_ERROR_CODES.has(error.code);
  const failure = isFileError ? new CliFailure(ExitCode.failed, error.message) : toFailure(error);
  if (failure === undefined || (failure.exitCode !== ExitCode.unreachable && !isFileError)) return error;
  const done = last
    ? `${last.lines} lines of ${file} have been imported`
    : 'Lines imported earlier are not affected';
  const advice = `${done}. Run the same command again to resume`;
  return new CliFailure(failure.exitCode, `${failure.message}\n${advice}`, failure.problem);
}
