import type { Driver } from 'neo4j-driver';
import { PersonaError } from '../domain/errors.ts';
import { translateError } from './errors.ts';

/** A server that takes longer counts as down. */
const PROBE_MS = 5_000;

/** Checks that Neo4j responds, over a dedicated connection; concurrent callers share one check. */
export interface Probe {
  /** @throws PersonaError graph_unavailable */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** @param open - returns a driver with one connection */
export function createProbe(open: () => Driver, database: string): Probe {
  let driver = open();
  let checking: Promise<void> | undefined;

  async function checkOnce(): Promise<void> {
    const checkedDriver = driver;
    const response = runProbe(checkedDriver, database);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new PersonaError('graph_unavailable', 'Neo4j does not respond')),
        PROBE_MS,
      );
    });
    try {
      await Promise.race([response, timeout]);
    } catch (error) {
      // The connection may be dead, which the driver would detect only after minutes.
      if (error instanceof PersonaError) {
        driver = open();
        response.catch(() => {});
        checkedDriver.close().catch(() => {});
      }
      throw translateError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    check() {
      checking ??= checkOnce().finally(() => {
        checking = undefined;
      });
      return checking;
    },
    close: () => driver.close(),
  };
}

/** A single attempt without retries: the caller wants the current state. */
async function runProbe(driver: Driver, database: string): Promise<void> {
  const session = driver.session({ database });
  try {
    await session.run('RETURN 1');
  } finally {
    await session.close();
  }
}
