import type { Driver } from 'neo4j-driver';
import { PersonaError } from '../domain/errors.ts';
import { translated } from './errors.ts';

/** A server that takes longer is as good as away. */
const PROBE_MS = 5_000;

/** Asks whether Neo4j answers, by a connection that nothing else uses; all who ask at one time share one question. */
export interface Probe {
  /** @throws PersonaError graph_unavailable */
  ask(): Promise<void>;
  close(): Promise<void>;
}

/** @param open - gives a driver with one connection */
export function createProbe(open: () => Driver, database: string): Probe {
  let driver = open();
  let asking: Promise<void> | undefined;

  async function askOnce(): Promise<void> {
    const asked = driver;
    const question = answer(asked, database);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new PersonaError('graph_unavailable', 'Neo4j does not answer')),
        PROBE_MS,
      );
    });
    try {
      await Promise.race([question, late]);
    } catch (error) {
      // Its connection may lead nowhere any more, which it would find out after minutes.
      if (error instanceof PersonaError) {
        driver = open();
        question.catch(() => {});
        asked.close().catch(() => {});
      }
      throw translated(error);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    ask() {
      asking ??= askOnce().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    close: () => driver.close(),
  };
}

/** One try: whoever asks wants to know of now. */
async function answer(driver: Driver, database: string): Promise<void> {
  const session = driver.session({ database });
  try {
    await session.run('RETURN 1');
  } finally {
    await session.close();
  }
}
