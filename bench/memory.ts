import { readFileSync } from 'node:fs';

const KB = 1_024;

/** Resident memory of a process in MB, current and peak. */
export interface Memory {
  now: number;
  peak: number;
}

/** `undefined`: the process has ended, or the system is not Linux. */
export function memoryOf(pid: number): Memory | undefined {
  const status = readStatus(pid);
  const megabytesOf = (name: string) =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * KB) / 1e6;
  // A zombie process has no memory.
  return status.includes('VmRSS:') ? { now: megabytesOf('VmRSS'), peak: megabytesOf('VmHWM') } : undefined;
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
