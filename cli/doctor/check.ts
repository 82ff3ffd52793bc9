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

/** Turns an error thrown by a check into its result. @param remedy for errors that name no remedy themselves */
export async function runCheck(check: () => Promise<CheckResult>, remedy?: string): Promise<CheckResult> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof EnvironmentError || error instanceof PolicyError)
      return wrong(error.message, "Correct the settings named, or use 'npm start', which sets all of them");
    const failure = toFailure(error) ?? new CliFailure(ExitCode.failed, String(error));
    const state = failure.exitCode === ExitCode.unreachable ? 'unreachable' : 'wrong';
    return { state, detail: failure.problem?.detail ?? failure.message, ...(remedy && { remedy }) };
  }
}
