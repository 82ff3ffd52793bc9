import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { StackError } from './errors.ts';

/** In the order in which they are stopped: installers, Persona's own programs, servers. */
export type Stage = 'tool' | 'program' | 'server';

/** What the guardian is told. */
export type Instruction =
  | { own: number; stage: Stage }
  | { disown: number }
  | { remove_at_end: string }
  | { leave: string }
  | { keep: true }
  | { stop: true };

/** Sees to it that what was started is stopped, also if this process is killed. */
export interface Guard {
  /**
   * Whoever is about to start something asks first: what is started while everything ends would be left behind.
   *
   * @throws StackError once everything ends
   */
  assertNotStopping(): void;
  /** Stops this process group (by its leader's id) at the end. */
  own(leader: number, stage: Stage): void;
  /** The group has ended by itself; its id may come to mean something else. */
  disown(leader: number): void;
  /** Deletes this file or folder at the end. */
  removeAtEnd(path: string): void;
  /** Takes `removeAtEnd` back, e.g. for logs that are still wanted. */
  leave(path: string): void;
  /** Ends everything and waits for it; nothing more if that was done before, or if everything is to be kept. */
  stop(): Promise<void>;
  /** Lets everything run on after this process; gives the id of the process whose SIGTERM ends it all. */
  keep(): Promise<number>;
}

/** Starts the guardian, a small process beside this one. */
export function startGuard(): Guard {
  const file = fileURLToPath(new URL('guardian.ts', import.meta.url));
  const child = spawn(process.execPath, [file], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${file}`);
  const exited = once(child, 'exit');
  // Neither the guardian nor the channel to it keeps this process from ending.
  child.unref();
  child.channel?.unref();
  // From the moment that everything ends, or is kept, nothing that happens because of it changes what the guardian knows.
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
      if (code !== 0) throw new Error(`not everything could be stopped (exit code ${code} of ${file})`);
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
