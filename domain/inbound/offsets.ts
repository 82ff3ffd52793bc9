/**
 * Which records of one partition are processed. Records of different keys finish in any order, but an offset may be
 * committed only when everything before it is processed: what follows the committed offset is read again after a crash.
 */
export class OffsetTracker {
  /** In the order of reading: the offset, and whether the record is processed. */
  readonly #records = new Map<bigint, boolean>();
  #committable: bigint | undefined;
  /** After the last offset that was ever committable. */
  #end = 0n;

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
      // Read once more after a rebalance, and finished after records that follow it: the committed offset stays where it is.
      if (first < this.#end) continue;
      this.#end = first + 1n;
      this.#committable = this.#end;
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
