import type { ErasureJournal, JournalEntry } from '../../domain/ports.ts';

interface ReadJournal {
  /** Those that were not taken back, by erasure. */
  erasures: Map<string, JournalEntry>;
  /** The ids of those that were. */
  takenBack: ReadonlySet<string>;
  /** Entries that cannot be read. */
  unreadable: number;
  /** Where it ends; `undefined`: it is empty. */
  position: string | undefined;
}

/** Reads a journal from a position to its end. @throws PersonaError journal_unavailable */
export async function readJournal(journal: ErasureJournal, from?: string): Promise<ReadJournal> {
  const erasures = new Map<string, JournalEntry>();
  const takenBack = new Set<string>();
  let [unreadable, position] = [0, from];
  for await (const page of journal.read(from)) {
    unreadable += page.unreadable;
    for (const entry of page.entries) {
      if (entry.cancelled) takenBack.add(entry.erasure_id);
      else erasures.set(entry.erasure_id, entry);
    }
    position = page.position;
  }
  // For good: a request that was on its way may have written its entry once more, after that.
  for (const id of takenBack) erasures.delete(id);
  return { erasures, takenBack, unreadable, position };
}
