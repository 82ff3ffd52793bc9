export function withLock<T>(
  file: string,
  work: (lock: { alsoHeldBy(pid: number): void }) => Promise<T>,
  onWait?: () => void,
): Promise<T>;
export function isAlive(pid: number): boolean;
