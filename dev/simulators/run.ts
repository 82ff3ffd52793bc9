/** What the simulators' processes have in common: one ready line on stdout, and a clean end on SIGTERM or SIGINT. */

interface Closable {
  close: () => Promise<void>;
}

/** Starts, prints `{"ready":{…}}` with everything that `start` gave but `close`, and ends with exit code 0 when asked to. */
export async function runSimulator<T extends Closable>(start: () => Promise<T>): Promise<void> {
  const running = await start();
  const { close, ...addresses } = running;
  let ending = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (ending) return;
      ending = true;
      void close().then(() => process.exit(0));
    });
  }
  process.stdout.write(`${JSON.stringify({ ready: addresses })}\n`);
}
