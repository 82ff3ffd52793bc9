import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { StackError } from './errors.ts';

/** In stop order: installers, Persona's own programs, servers. */
export type Stage = 'tool' | 'program' | 'server';

/** A message to the guardian. */
export type Instruction =
  | { own: number; stage: Stage }
  | { disown: number }
  | { remove_at_end: string }
  | { leave: string }
  | { keep: true }
  | { stop: true };

/** Ensures that everything started is stopped, even if this process is killed. */
export interface Guard {
  /**
   * To be called before starting a process: one started after `stop` would be left behind.
   *
   * @throws StackError after `stop`
   */
  assertNotStopping(): void;
  /** Stops this process group (by its leader's id) at the end. */
  own(leader: number, stage: Stage): void;
  /** The group has ended by itself; its id may be reused. */
  disown(leader: number): void;
  /** Deletes this file or folder at the end. */
  removeAtEnd(path: string): void;
  /** Reverts `removeAtEnd`, for example for logs that are still needed. */
  leave(path: string): void;
  /** Stops everything and waits for it; does nothing if that was done before, or after `keep`. */
  stop(): Promise<void>;
  /** Keeps everything running after this process ends. @returns the id of the process whose SIGTERM stops it all */
  keep(): Promise<number>;
}

/** Starts the guardian, a small separate process. */
export function startGuard(): Guard {
  const file = fileURLToPath(new URL('guardian.ts', import.meta.url));
  const child = spawn(process.execPath, [file], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${file}`);
  const exited = once(child, 'exit');
  // Neither the guardian nor the channel to it keeps this process alive.
  child.unref();
  child.channel?.unref();
  // After `stop` or `keep` no further instructions are sent to the guardian.
  let ending = false;
  let isKept = false;
  const send = (instruction: Instruction) => {
    if (child.connected && !ending) child.send(instruction);
  };
  return {
    assertNotStopping() {
      if (ending) throw new StackError('everything is being stopped');
    },
    own: (leader, stage) => send({ own: leader, stage }),
    disown: (leader) => send({ disown: leader }),
    removeAtEnd: (path) => send({ remove_at_end: path }),
    leave: (path) => send({ leave: path }),
    async stop() {
      if (isKept) return;
      child.ref();
      send({ stop: true });
      ending = true;
      const [code] = await exited;
      if (code !== 0) throw new Error(`some processes could not be stopped (exit code ${code} of ${file})`);
    },
    async keep() {
      child.ref();
      const answer = once(child, 'message');
      send({ keep: true });
      await answer;
      isKept = true;
      child.unref();
      child.disconnect();
      return pid;
    },
  };
}
