/** Updates of a schedule that do not undo what an operator changes at the same moment. */

import { setTimeout } from 'node:timers/promises';
import {
  type Client,
  isGrpcServiceError,
  ScheduleClient,
  type ScheduleDescription,
  type ScheduleUpdateOptions,
  type WorkflowService,
} from '@temporalio/client';
import { PersonaError } from '../domain/errors.ts';

const ATTEMPTS = 20;
const POLL_MS = 50;
/** Temporal applies an update within milliseconds of accepting it. */
const APPLIED_WITHIN_MS = 10_000;
const FAILED_PRECONDITION = 9;

/**
 * Updates a schedule, and again if it changed since it was read. An update replaces the schedule as a whole, with its state:
 * without this, it would end a pause of which the description did not tell yet.
 *
 * @param change the new schedule, from the current one
 * @throws PersonaError temporal_unavailable if the schedule changes all the time; the client's errors
 */
export async function updateSchedule(
  client: Client,
  id: string,
  change: (current: ScheduleDescription) => ScheduleUpdateOptions,
): Promise<void> {
  const { connection, options } = client;
  const { namespace, identity, dataConverter } = options;
  const schedules = new TokenScheduleClient({ connection, namespace, identity, dataConverter });
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) if (await isUpdated(schedules, id, change)) return;
  throw new PersonaError(
    'temporal_unavailable',
    `the schedule ${id} changed ${ATTEMPTS} times while it was being updated: try again`,
  );
}

/** @returns `false` if the schedule had changed since it was read */
async function isUpdated(
  schedules: TokenScheduleClient,
  id: string,
  change: (current: ScheduleDescription) => ScheduleUpdateOptions,
): Promise<boolean> {
  const handle = schedules.getHandle(id);
  let before: ScheduleDescription | undefined;
  try {
    await handle.update((current) => {
      before = current;
      return change(current);
    });
  } catch (error) {
    if (isConflict(error)) return false;
    throw error;
  }
  // A server whose schedules are workflows accepts every update, and ignores one with an old token later.
  const end = performance.now() + APPLIED_WITHIN_MS;
  while (performance.now() < end) {
    const { info, raw } = await handle.describe();
    if (info.lastUpdatedAt?.getTime() !== before?.info.lastUpdatedAt?.getTime()) return true;
    if (!isSameToken(raw.conflictToken, before?.raw.conflictToken)) return false;
    await setTimeout(POLL_MS);
  }
  throw new PersonaError(
    'temporal_unavailable',
    `Temporal accepted an update of the schedule ${id} and did not apply it within ${APPLIED_WITHIN_MS / 1_000} s: ` +
      "is its 'temporal-sys-per-ns-worker' running?",
  );
}

/** Sends each schedule's token of the last description with its update, which the SDK's client does not (1.23). */
class TokenScheduleClient extends ScheduleClient {
  readonly #tokens = new Map<string, Uint8Array>();

  override get workflowService(): WorkflowService {
    const service = super.workflowService;
    const tokens = this.#tokens;
    const withTokens = {
      async describeSchedule(request: Parameters<WorkflowService['describeSchedule']>[0]) {
        const description = await service.describeSchedule(request);
        tokens.set(request.scheduleId ?? '', description.conflictToken);
        return description;
      },
      updateSchedule(request: Parameters<WorkflowService['updateSchedule']>[0]) {
        const conflictToken = tokens.get(request.scheduleId ?? '');
        return service.updateSchedule({ ...request, conflictToken });
      },
    };
    return Object.assign(Object.create(service) as WorkflowService, withTokens);
  }
}

function isSameToken(a: Uint8Array | null | undefined, b: Uint8Array | null | undefined): boolean {
  return Buffer.from(a ?? []).equals(Buffer.from(b ?? []));
}

function isConflict(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return isGrpcServiceError(cause) && (cause.code as number) === FAILED_PRECONDITION;
}
