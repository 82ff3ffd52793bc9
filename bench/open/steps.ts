/** Splits the items into `count` steps of equal size; the last one also has the remainder. */
export function inSteps<T>(all: readonly T[], count: number): T[][] {
  const size = Math.floor(all.length / count);
  return Array.from({ length: count }, (_, step) =>
    all.slice(step * size, step === count - 1 ? undefined : (step + 1) * size),
  );
}
