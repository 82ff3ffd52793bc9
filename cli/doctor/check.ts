import { EnvironmentError } from '../../platform/environment.ts';
import { PolicyError } from '../../platform/policy.ts';
import { CliFailure, ExitCode, toFailure } from '../failure.ts';

/** The result of one check. */
export interface CheckResult {
  state: 'ok' | 'wrong' | 'unreachable';
  detail: string;
  /** How to fix it. */
  remedy?: string;
}

export const ok = (detail: string): CheckResult => ({ state: 'ok', detail });
export const wrong = (detail: string, remedy: string): CheckResult => ({ state: 'wrong', detail, remedy });
export const unreachable = (detail: string, remedy?: string): CheckResult => ({
  state: 'unreachable',
  detail,
  ...(remedy !== undefined && { remedy }),
});

/** For checks whose client has no limit of its own, or a longer one. */
const LIMIT_MS = 30_000;

/**
 * Turns an error thrown by a check into its result, and a check without an answer into `unreachable`.
 * @param remedy for errors that name no remedy themselves
 */
export async function runCheck(check: () => Promise<CheckResult>, remedy?: string): Promise<CheckResult> {
  const limit = Promise.withResolvers<CheckResult>();
  const timer = setTimeout(
    () => limit.resolve(unreachable(`no answer within ${LIMIT_MS / 1_000} seconds`, remedy)),
    LIMIT_MS,
  );
  try {
    return await Promise.race([check(), limit.promise]);
  } catch (error) {
    if (error instanceof EnvironmentError || error instanceof PolicyError)
      return wrong(error.message, "Correct the settings named, or use 'npm start', which sets all of them");
    const failure = toFailure(error) ?? new CliFailure(ExitCode.failed, String(error));
    const state = failure.exitCode === ExitCode.unreachable ? 'unreachable' : 'wrong';
    return { state, detail: failure.problem?.detail ?? failure.message, ...(remedy && { remedy }) };
  } finally {
    clearTimeout(timer);
  }
}
