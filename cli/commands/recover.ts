import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import type { CommandResult } from '../command-result.ts';
import { CliFailure, ExitCode } from '../failure.ts';
import { callRest } from '../rest.ts';
import type { Settings } from '../settings.ts';

/**
 * Reports a failed payment, as Synapse would, and so starts its recovery. The API validates the message.
 * @param file - a file with a PaymentFailed in JSON; `-`: standard input
 * @throws CliFailure
 */
export async function recover(settings: Settings, file: string, stdin: Readable): Promise<CommandResult> {
  const message = file === '-' ? await readAll(stdin) : await read(file);
  const accepted = await callRest<{ workflow_id: string }>(
    settings,
    'POST',
    '/internal/v1/payment-failures',
    message,
  );
  return { document: accepted, text: `Recovery started: ${accepted.workflow_id}` };
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliFailure(ExitCode.usageError, `${file} cannot be read: ${reason}`);
  }
}
