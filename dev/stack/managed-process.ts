import type { Child } from './child.ts';
import { signalGroup } from './process-groups.ts';

/** A child that can be killed and started again, with the same command, ports and files. */
export interface ManagedProcess {
  /** The one that runs, or that ran last. */
  readonly child: Child;
  /** `kill -9`, of it and whatever it started. */
  kill(): Promise<void>;
  /** Starts it again after it has ended, and waits until it answers. */
  restart(): Promise<void>;
}

/** @param launch starts the child and waits until it answers; every time in the same way */
export async function startManagedProcess(launch: () => Promise<Child>): Promise<ManagedProcess> {
  let child = await launch();
  return {
    get child() {
      return child;
    },
    async kill() {
      signalGroup(child.pid, 'SIGKILL');
      await child.exited;
    },
    async restart() {
      child = await launch();
    },
  };
}
