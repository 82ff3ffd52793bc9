import type { Writable } from 'node:stream';
import { SingleBar } from 'cli-progress';
import type { Checkpoint } from './checkpoint.ts';

/**
 * Shows an import's progress as a bar that is removed at the end, or, if `stderr` is no terminal, in a line at the start,
 * every ten seconds and at the end.
 * @param total - bytes of the file
 */
export function createProgress(stderr: Writable, total: number) {
  const bar = new SingleBar({
    stream: stderr,
    format: '[{bar}] {percentage}%, {lines} lines, {rate}/s{eta_formatted}, {rejected} rejected',
    formatTime: (seconds) => (seconds > 0 ? `, ${duration(seconds)} left` : ''),
    barsize: 30,
    barCompleteChar: '#',
    barIncompleteChar: '.',
    clearOnComplete: true,
    // By default, line wrapping is disabled, and remains so after Ctrl-C.
    linewrap: true,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
  });
  let first: { lines: number; at: number } | undefined;
  return {
    show({ offset, lines, rejected }: Checkpoint) {
      if (first === undefined) {
        first = { lines, at: Date.now() };
        bar.start(total, offset, { lines, rejected, rate: 0 });
        return;
      }
      const rate = Math.round((1_000 * (lines - first.lines)) / (Date.now() - first.at));
      bar.update(offset, { lines, rejected, rate });
    },
    end: () => bar.stop(),
  };
}

function duration(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
