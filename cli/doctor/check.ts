import { EnvironmentError } from '../../platform/environment.ts';
import { PolicyError } from '../../platform/policy.ts';
import { CliFailure, ExitCode, toFailure } from '../failure.ts';

/** What one examination found. */
export interface Finding {
  state: 'ok' | 'wrong' | 'unreachable';
  detail: string;
  /** What to do about it. */
  remedy?: string;
}

export const ok = (detail: string): Finding => ({ state: 'ok', detail });
export const wrong = (detail: string, remedy: string): Finding => ({ state: 'wrong', detail, remedy });
export const unreachable = (detail: string, remedy?: string): Finding => ({
  state: 'unreachable',
  detail,
  ...(remedy !== undefined && { remedy }),
});

/** Whatever an examination throws is its finding. @param remedy for what the error does not say itself */
export async function examine(look: () => Promise<Finding>, remedy?: string): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof EnvironmentError || error instanceof PolicyError)
      return wrong(error.message, "Set what is missing, or let 'npm start' run a copy that sets everything");
    const failure = toFailure(error) ?? new CliFailure(ExitCode.badAnswer, String(error));
    const state = failure.exitCode === ExitCode.unreachable ? 'unreachable' : 'wrong';
    return { state, detail: failure.problem?.detail ?? failure.message, ...(remedy && { remedy }) };
  }
}
