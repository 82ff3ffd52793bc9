import { EnvironmentError } from '../../platform/environment.ts';
import { PolicyError } from '../../platform/policy.ts';
import { CliFailure, ExitCode, toFailure } from '../failure.ts';

/** What one examination found. */
export interface CheckResult {
  state: 'ok' | 'wrong' | 'unreachable';
  detail: string;
  /** What to do about it. */
  remedy?: string;
}

export const ok = (detail: string): CheckResult => ({ state: 'ok', detail });
export const wrong = (detail: string, remedy: string): CheckResult => ({ state: 'wrong', detail, remedy });
export const unreachable = (detail: string, remedy?: string): CheckResult => ({
  state: 'unreachable',
  detail,
  ...(remedy !== undefined && { remedy }),
});

/** Whatever an examination throws is its finding. @param remedy for what the error does not say itself */
export async function runCheck(check: () => Promise<CheckResult>, remedy?: string): Promise<CheckResult> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof EnvironmentError || error instanceof PolicyError)
      return wrong(error.message, "Set what is missing, or let 'npm start' run a copy that sets everything");
    const failure = toFailure(error) ?? new CliFailure(ExitCode.failed, String(error));
    const state = failure.exitCode === ExitCode.unreachable ? 'unreachable' : 'wrong';
    return { state, detail: failure.problem?.detail ?? failure.message, ...(remedy && { remedy }) };
  }
}
