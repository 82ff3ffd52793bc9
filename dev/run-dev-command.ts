import { constants } from 'node:os';
import { StackError } from './stack/errors.ts';
import { type Guard, startGuard } from './stack/guard.ts';
import type { Log } from './stack/progress.ts';

export interface DevCommandContext {
  /** Stops whatever is handed to it, however this command ends. */
  guard: Guard;
  log: Log;
}

export interface DevCommandOptions {
  /** Exit code when Ctrl-C or a signal ends it; without it 128 + the signal's number, as shells do. */
  interruptedExitCode?: number;
  log?: Log;
}

/**
 * Runs one command of `dev/` as this process: gives `work` a guard, and ends the process with the exit code that `work`
 * gives, with 1 if it throws, or early on Ctrl-C, SIGTERM and when the process that started us is gone. Whatever was
 * started has stopped before the process ends.
 */
export async function runDevCommand(
  work: (context: DevCommandContext) => Promise<number>,
  { interruptedExitCode, log = console.log }: DevCommandOptions = {},
): Promise<never> {
  const guard = startGuard();
  // Neither the children nor the channel to `boot.mjs` keep this process alive: it lives until it ends itself.
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
  // `boot.mjs` was killed: nobody waits for us any more.
  if (process.channel !== undefined) {
    process.once('disconnect', () => interrupt('SIGHUP'));
    process.channel.unref();
  }
  try {
    const code = await work({ guard, log: (line) => (interrupted === undefined ? log(line) : undefined) });
    return await (interrupted ?? end(code));
  } catch (error) {
    // What broke because everything is being stopped is no news.
    if (interrupted !== undefined) return interrupted;
    log(error instanceof StackError ? error.message : String(error instanceof Error ? error.stack : error));
    return end(1);
  }
}
