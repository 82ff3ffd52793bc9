import { constants } from 'node:os';
import { StackError } from './stack/errors.ts';
import { type Guard, startGuard } from './stack/guard.ts';
import type { Log } from './stack/progress.ts';

export interface DevCommandContext {
  /** Stops everything added to it, however this command ends. */
  guard: Guard;
  log: Log;
}

export interface DevCommandOptions {
  /** Exit code after Ctrl-C or a signal; default: 128 + the signal's number, as in shells. */
  interruptedExitCode?: number;
  log?: Log;
}

/**
 * Runs one command of `dev/` as this process: gives `work` a guard, and ends the process with the exit code that `work`
 * returns, with 1 if it throws, or early on Ctrl-C, SIGTERM and when the parent process has ended. Everything that was
 * started is stopped before the process ends.
 */
export async function runDevCommand(
  work: (context: DevCommandContext) => Promise<number>,
  { interruptedExitCode, log = console.log }: DevCommandOptions = {},
): Promise<never> {
  const guard = startGuard();
  // Neither the children nor the channel to `boot.mjs` keep this process alive, so a timer does until it exits.
  setInterval(() => {}, 2 ** 31 - 1);
  const end = async (code: number) => {
    await guard.stop();
    return process.exit(code);
  };
  let interrupted: Promise<never> | undefined;
  const interrupt = (signal: NodeJS.Signals) => {
    if (interrupted !== undefined) return;
    log('stopping everything…');
    interrupted = end(interruptedExitCode ?? 128 + constants.signals[signal]);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  // The channel closes when `boot.mjs` is killed.
  if (process.channel !== undefined) {
    process.once('disconnect', () => interrupt('SIGHUP'));
    process.channel.unref();
  }
  try {
    const code = await work({ guard, log: (line) => (interrupted === undefined ? log(line) : undefined) });
    return await (interrupted ?? end(code));
  } catch (error) {
    // Errors caused by stopping everything are not reported.
    if (interrupted !== undefined) return interrupted;
    log(error instanceof StackError ? error.message : String(error instanceof Error ? error.stack : error));
    return end(1);
  }
}
