import type { Driver } from 'neo4j-driver';
import { PersonaError } from '../domain/errors.ts';
import { translateError } from './errors.ts';

/** A server that takes longer is as good as away. */
const PROBE_MS = 5_000;

/** Asks whether Neo4j answers, by a connection that nothing else uses; all who ask at one time share one question. */
export interface Probe {
  /** @throws PersonaError graph_unavailable */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** @param open - gives a driver with one connection */
export function createProbe(open: () => Driver, database: string): Probe {
  let driver = open();
  let checking: Promise<void> | undefined;

  async function checkOnce(): Promise<void> {
    const checkedDriver = driver;
    const response = runProbe(checkedDriver, database);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new PersonaError('graph_unavailable', 'Neo4j does not answer')),
        PROBE_MS,
      );
    });
    try {
      await Promise.race([response, timeout]);
    } catch (error) {
      // Its connection may lead nowhere any more, which it would find out after minutes.
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

/** One try: whoever asks wants to know of now. */
async function runProbe(driver: Driver, database: string): Promise<void> {
  const session = driver.session({ database });
  try {
    await session.run('RETURN 1');
  } finally {
    await session.close();
  }
}
