/** Saves a customer's data in a file. */

import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import { openRest, reasonOf } from '../rest.ts';
import type { Settings } from '../settings.ts';

/**
 * Saves the document in a file that only its owner may read; an incomplete one is not left behind.
 * @throws CliFailure
 */
export async function exportCustomer(
  settings: Settings,
  customerId: string,
  file: string,
): Promise<CommandResult> {
  const body = await openRest(settings, `/api/v1/customers/${customerId}/export`, 'privacy');
  const unfinished = `${file}.part`;
  let bytes = 0;
  try {
    await pipeline(
      Readable.from(body),
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(unfinished, { mode: 0o600 }),
    );
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw new CliFailure(
      ExitCode.failed,
      `Nothing was saved: the export ended early (${reasonOf(error)}). Try again; the customer may have been erased meanwhile`,
    );
  }
  return { document: { file, bytes }, text: `${file} (${bytes} bytes): everything about ${customerId}.` };
}
