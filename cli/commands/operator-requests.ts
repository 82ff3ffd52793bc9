/** What operations tell a running recovery, by signals and an update of its workflow. */

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
  pause: 'was told to pause',
  resume: 'was told to go on',
  retryNow: 'was told to try again now',
  cancel: 'was told to end',
};

/** An update is answered within seconds where a worker runs. */
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

/** Tells a recovery under review what became of an attempt. @throws CliFailure, PersonaError */
export async function resolveAttempt(
  settings: Settings,
  paymentId: string,
  resolution: Resolution,
): Promise<CommandResult> {
  const workflow_id = recoveryWorkflowId(paymentId);
  // Unlike a signal, an update answers, and the answer is encrypted.
  const client = await connect(settings, readCodecKeys(settings.variables).reveal());
  try {
    const status = await client.withDeadline(Date.now() + UPDATE_TIMEOUT_MS, () =>
      client.workflow
        .getHandle(workflow_id)
        .executeUpdate<RecoveryStatus, [Resolution]>(RESOLVE_UNKNOWN, { args: [resolution] }),
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
  // The recovery's own refusal, in its own words.
  const detail = error.cause?.message ?? error.message;
  const problem = { ...problemOf('illegal_transition', detail), title: 'The recovery refuses it' };
  return new CliFailure(ExitCode.failed, `The recovery refuses it: ${detail}`, problem);
}
