import type { Checkpoint } from './checkpoint.ts';

const WIDTH = 30;
/** Interval of progress lines without a terminal. */
const LINE_EVERY_MS = 10_000;

/** Where progress is shown. */
export interface ProgressOutput {
  /** A line that the next one overwrites; absent: no terminal. */
  status?(line: string): void;
  err(line: string): void;
}

/**
 * Shows an import's progress, its rate and the remaining time.
 * @param total - bytes of the file
 */
export function createProgress(
  screen: ProgressOutput,
  total: number,
): { show(done: Checkpoint): void; end(): void } {
  const started = Date.now();
  let first: Checkpoint | undefined;
  let shownAt = started;
  return {
    show(done) {
      first ??= done;
      const now = Date.now();
      const text = progressText(done, { first, total, elapsedMs: now - started });
      if (screen.status) screen.status(text);
      else if (now - shownAt >= LINE_EVERY_MS) {
        shownAt = now;
        screen.err(text);
      }
    },
    end() {
      screen.status?.('');
    },
  };
}

/** `first`: the checkpoint that this run started from. */
export function progressText(
  done: Checkpoint,
  { first, total, elapsedMs }: { first: Checkpoint; total: number; elapsedMs: number },
): string {
  const share = total === 0 ? 1 : done.offset / total;
  const filled = Math.round(share * WIDTH);
  const seconds = elapsedMs / 1000;
  const bytesPerSecond = (done.offset - first.offset) / seconds;
  const parts = [
    `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${Math.floor(share * 100)}%`,
    `${done.lines} lines`,
    ...(bytesPerSecond > 0
      ? [
          `${Math.round((done.lines - first.lines) / seconds)}/s`,
          `${duration((total - done.offset) / bytesPerSecond)} left`,
        ]
      : []),
    ...(done.rejected > 0 ? [`${done.rejected} rejected`] : []),
  ];
  return parts.join(', ');
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.ceil(whole / 60)} min`;
}
