/**
 * Which records of one partition are processed. Records of different keys finish in any order, but an offset may be
 * committed only when everything before it is processed: what follows the committed offset is read again after a crash.
 */
export class OffsetTracker {
  /** In the order of reading: the offset, and whether the record is processed. */
  readonly #records = new Map<bigint, boolean>();
  #committable: bigint | undefined;

  /** @returns `false`: it is in progress already, and was read again */
  start(offset: bigint): boolean {
    if (this.#records.has(offset)) return false;
    this.#records.set(offset, false);
    return true;
  }

  finish(offset: bigint): void {
    this.#records.set(offset, true);
    for (const [first, isProcessed] of this.#records) {
      if (!isProcessed) return;
      this.#records.delete(first);
      this.#committable = first + 1n;
    }
  }

  /** The offset to commit: that of the next record to read. `undefined`: nothing new since `committed`. */
  get committable(): bigint | undefined {
    return this.#committable;
  }

  /** The offset was committed. Until then it stays committable: perhaps no record follows that would make it so again. */
  committed(offset: bigint): void {
    if (this.#committable === offset) this.#committable = undefined;
  }
}
