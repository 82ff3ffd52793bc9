import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Guard, Stage } from './guard.ts';
import { lastLines } from './tools.ts';

/** A program in a separate process group that writes to a log file. */
export interface Child {
  readonly pid: number;
  readonly logFile: string;
  /** Undefined while it runs; then a description of how it ended. */
  readonly exitReason: string | undefined;
  readonly exited: Promise<void>;
  /** Everything it has printed, or written to its own log, since it was started. */
  output(): string;
}

export interface ChildOptions {
  file: string;
  args: readonly string[];
  env: Record<string, string | undefined>;
  cwd?: string;
  logFile: string;
  /** A log file that the program writes itself. */
  ownLog?: string;
  stage: Stage;
  guard: Guard;
}

/**
 * Starts a program that the guard stops. Its output is written directly to the file, so that it can outlive this process;
 * an existing log is appended to.
 *
 * @throws StackError if the guard is already stopping everything
 */
export function startChild(options: ChildOptions): Child {
  const { file, args, env, cwd, logFile, ownLog, stage, guard } = options;
  guard.assertNotStopping();
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a');
  const logOffset = readFileSync(logFile).length;
  const ownLogOffset = lengthOf(ownLog);
  const child = spawn(file, args, {
    cwd,
    env,
    detached: true,
    windowsHide: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const { pid } = child;
  let exitReason: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      exitReason = `could not be started: ${error.message}`;
      resolve();
    });
    child.once('exit', (code, signal) => {
      exitReason = signal === null ? `ended with exit code ${code}` : `was terminated by ${signal}`;
      if (pid !== undefined) guard.disown(pid);
      resolve();
    });
  });
  if (pid !== undefined) guard.own(pid, stage);
  child.unref();
  return {
    pid: pid ?? -1,
    logFile,
    get exitReason() {
      return exitReason;
    },
    exited,
    output() {
      const printed = readFileSync(logFile).subarray(logOffset).toString('utf8');
      if (ownLog === undefined || !existsSync(ownLog)) return printed;
      return printed + readFileSync(ownLog).subarray(ownLogOffset).toString('utf8');
    },
  };
}

function lengthOf(file: string | undefined): number {
  return file !== undefined && existsSync(file) ? statSync(file).size : 0;
}

/** Why a child is not ready: how it ended, or that the time limit has passed, with the end of its output. */
export function describeFailure(name: string, child: Child, limitMs: number): string {
  const reason = child.exitReason ?? `was not ready within ${limitMs / 1000} s`;
  return `${name} ${reason}; the end of ${child.logFile}:\n${lastLines(child.output(), 40)}`;
}
