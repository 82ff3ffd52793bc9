import type { ErasureJournal } from '../../domain/ports.ts';
import type { CommonEnvironment } from '../../platform/environment.ts';
import { openJournalFile } from './file.ts';

/** `undefined`: there is none, and nothing can be erased. */
export function openJournal({
  erasureJournal,
}: Pick<CommonEnvironment, 'erasureJournal'>): ErasureJournal | undefined {
  return erasureJournal === undefined ? undefined : openJournalFile(erasureJournal);
}
