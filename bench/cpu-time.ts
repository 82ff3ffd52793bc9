import { readFileSync } from 'node:fs';

/** Linux reports hundredths of a second on every system (`USER_HZ`). */
const TICK_MS = 10;
/** Indexes of the fields after the process's name: time in user mode and in kernel mode. */
const [USER, KERNEL] = [11, 12];

/** CPU time used by a process so far, in milliseconds; NaN if the system is not Linux. */
export function cpuTime(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[USER]) + Number(fields[KERNEL])) * TICK_MS;
}
