/** As many stretches as asked for, all as long but the last one, which has what is left over. */
export function inSteps<T>(all: readonly T[], count: number): T[][] {
  const size = Math.floor(all.length / count);
  return Array.from({ length: count }, (_, step) =>
    all.slice(step * size, step === count - 1 ? undefined : (step + 1) * size),
  );
}
