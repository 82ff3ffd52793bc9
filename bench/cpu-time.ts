import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second for everybody (`USER_HZ`). */
const TICK_MS = 10;
/** Of the fields behind the process's name: time in user mode and in the kernel. */
const [USER, KERNEL] = [11, 12];

/** How much processor time a process has taken so far, in milliseconds; NaN where the system is not Linux. */
export function cpuTime(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[USER]) + Number(fields[KERNEL])) * TICK_MS;
}
