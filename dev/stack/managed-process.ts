import type { Child } from './child.ts';
import { signalGroup } from './process-groups.ts';

/** A child that can be killed and restarted with the same command, ports and files. */
export interface ManagedProcess {
  /** The running child, or the last one. */
  readonly child: Child;
  /** Kills it and all its children with SIGKILL. */
  kill(): Promise<void>;
  /** Restarts it after it has ended, and waits until it is ready. */
  restart(): Promise<void>;
}

/** @param launch starts the child and waits until it is ready; called again for each restart */
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
