/** Operator requests to a running recovery: signals, and one update, of its workflow. */

import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import {
  type OperatorRequest,
  RESOLVE_UNKNOWN,
  type RecoverySignals,
  recoveryWorkflowId,
} from '../../domain/workflow-contracts.ts';
import type { Resolution } from '../../domain/recovery/messages.ts';
import type { RecoveryStatus } from '../../domain/recovery/status.ts';
import { readCodecKeys, readTemporalEnvironment } from '../../platform/environment.ts';
import { toRecoveryView } from '../../services/recovery-text.ts';
import { connectTemporal } from '../../temporal/client.ts';
import { toPersonaError } from '../../temporal/failures.ts';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode, failureFromProblem, problemOf } from '../failure.ts';
import type { Settings } from '../settings.ts';

export type OperatorAction = Extract<keyof RecoverySignals, 'pause' | 'resume' | 'retryNow' | 'cancel'>;

const CONFIRMATION: Readonly<Record<OperatorAction, string>> = {
  pause: 'was signalled to pause',
  resume: 'was signalled to resume',
  retryNow: 'was signalled to retry now',
  cancel: 'was signalled to cancel',
};

/** An update completes within seconds if a worker is running. */
const UPDATE_TIMEOUT_MS = 30_000;

/** Signals the recovery of a payment. @throws CliFailure, PersonaError */
export async function sendOperatorRequest(
  settings: Settings,
  action: OperatorAction,
  paymentId: string,
  operatorRequest: OperatorRequest,
): Promise<CommandResult> {
  const workflow_id = recoveryWorkflowId(paymentId);
  const client = await connectForSignals(settings);
  try {
    await client.workflow.getHandle(workflow_id).signal(action, operatorRequest);
  } catch (error) {
    throw failureFrom(error, paymentId);
  } finally {
    await client.connection.close();
  }
  return {
    document: { workflow_id, signal: action },
    text: `The recovery of ${paymentId} ${CONFIRMATION[action]}.`,
  };
}

/** Resolves an unresolved attempt of a recovery under review. @throws CliFailure, PersonaError */
export async function resolveAttempt(
  settings: Settings,
  paymentId: string,
  resolution: Resolution,
): Promise<CommandResult> {
  const workflow_id = recoveryWorkflowId(paymentId);
  // Unlike a signal, an update returns a result, and that is encrypted.
  const client = await connect(settings, readCodecKeys(settings.variables).reveal());
  try {
    const status = await client.withDeadline(Date.now() + UPDATE_TIMEOUT_MS, () =>
      client.workflow
        .getHandle(workflow_id)
        .executeUpdate<RecoveryStatus, [Resolution]>(RESOLVE_UNKNOWN, { args: [resolution] }),
    );
    return {
      document: toRecoveryView(status),
      text: `Attempt ${resolution.attempt_key} of the recovery of ${paymentId} was resolved as ${resolution.result}. The recovery is now ${status.outcome ?? status.state}.`,
    };
  } catch (error) {
    throw failureFrom(error, paymentId);
  } finally {
    await client.connection.close();
  }
}

/** For signals. The reason is free text: it is encrypted if the keys are configured; workers read it either way. */
export function connectForSignals(settings: Settings): Promise<Client> {
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
    return failureFromProblem(
      problemOf('recovery_not_found', `no recovery of payment ${paymentId} is running`),
    );
  const personaError = toPersonaError(error);
  if (personaError.type !== 'internal' || !(error instanceof WorkflowUpdateFailedError)) return personaError;
  // The recovery rejected the update: its own message is shown.
  const detail = error.cause?.message ?? error.message;
  const problem = { ...problemOf('illegal_transition', detail), title: 'Rejected by the recovery' };
  return new CliFailure(ExitCode.failed, `Rejected by the recovery: ${detail}`, problem);
}
