/** What operations tell a running recovery, by signals and an update of its workflow. */

import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import {
  type ByPerson,
  RESOLVE_UNKNOWN,
  type RecoverySignals,
  recoveryWorkflowId,
} from '../../domain/processes.ts';
import type { ResolveUnknown } from '../../domain/recovery/messages.ts';
import type { RecoveryStatus } from '../../domain/recovery/status.ts';
import { readCodecKeys, readTemporalEnvironment } from '../../platform/environment.ts';
import { toRecoveryView } from '../../services/recovery-text.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { toPersonaError } from '../../temporal/failures.ts';
import type { Answer } from '../answer.ts';
import { CliFailure, ExitCode, failureOf, problemOf } from '../failure.ts';
import type { Settings } from '../settings.ts';

export type Operation = Extract<keyof RecoverySignals, 'pause' | 'resume' | 'retryNow' | 'cancel'>;

const DONE: Readonly<Record<Operation, string>> = {
  pause: 'was told to pause',
  resume: 'was told to go on',
  retryNow: 'was told to try again now',
  cancel: 'was told to end',
};

/** An update is answered within seconds where a worker runs. */
const UPDATE_PATIENCE_MS = 30_000;

/** Signals the recovery of a payment. @throws CliFailure, PersonaError */
export async function operate(
  settings: Settings,
  operation: Operation,
  paymentId: string,
  person: ByPerson,
): Promise<Answer> {
  const workflow_id = recoveryWorkflowId(paymentId);
  const client = await connectOperations(settings);
  try {
    await client.workflow.getHandle(workflow_id).signal(operation, person);
  } catch (error) {
    throw failureFrom(error, paymentId);
  } finally {
    await client.connection.close();
  }
  return {
    document: { workflow_id, signal: operation },
    text: `The recovery of ${paymentId} ${DONE[operation]}.`,
  };
}

/** Tells a recovery under review what became of an attempt. @throws CliFailure, PersonaError */
export async function resolveUnknown(
  settings: Settings,
  paymentId: string,
  resolution: ResolveUnknown,
): Promise<Answer> {
  const workflow_id = recoveryWorkflowId(paymentId);
  // Unlike a signal, an update answers, and the answer is encrypted.
  const client = await connect(settings, readCodecKeys(settings.variables).reveal());
  try {
    const status = await client.withDeadline(Date.now() + UPDATE_PATIENCE_MS, () =>
      client.workflow
        .getHandle(workflow_id)
        .executeUpdate<RecoveryStatus, [ResolveUnknown]>(RESOLVE_UNKNOWN, { args: [resolution] }),
    );
    return {
      document: toRecoveryView(status),
      text: `The recovery of ${paymentId} takes the attempt ${resolution.attempt_key} as ${resolution.result}. It is ${status.outcome ?? status.state} now.`,
    };
  } catch (error) {
    throw failureFrom(error, paymentId);
  } finally {
    await client.connection.close();
  }
}

/** For signals. A reason is free text: it is encrypted where the keys are at hand; the workers understand it either way. */
export function connectOperations(settings: Settings): Promise<Client> {
  const hasKeys = settings.variables.TEMPORAL_CODEC_KEYS !== undefined;
  return connect(settings, hasKeys ? readCodecKeys(settings.variables).reveal() : 'none');
}

/** @throws PersonaError temporal_unavailable, invalid_argument (the environment) */
export function connect(
  settings: Settings,
  codecKeys: Parameters<typeof connectTemporal>[0]['codecKeys'],
): Promise<Client> {
  const temporal = readTemporalEnvironment(settings.variables);
  return connectTemporal({ ...temporal, apiKey: temporal.apiKey?.reveal(), codecKeys });
}

function failureFrom(error: unknown, paymentId: string): Error {
  if (error instanceof WorkflowNotFoundError)
    return failureOf(problemOf('recovery_not_found', `no recovery of payment ${paymentId} is running`));
  const known = toPersonaError(error);
  if (known.type !== 'internal' || !(error instanceof WorkflowUpdateFailedError)) return known;
  // The recovery's own refusal, in its own words.
  const detail = error.cause?.message ?? error.message;
  const problem = { ...problemOf('illegal_transition', detail), title: 'The recovery refuses it' };
  return new CliFailure(ExitCode.badAnswer, `The recovery refuses it: ${detail}`, problem);
}
