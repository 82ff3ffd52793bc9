/** Common to the simulators' processes: one ready line on stdout, and a clean exit on SIGTERM or SIGINT. */

interface Closable {
  close: () => Promise<void>;
}

/** Starts the simulator, prints `{"ready":{…}}` with its addresses, and exits with code 0 on SIGTERM or SIGINT. */
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
