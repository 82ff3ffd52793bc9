import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Puts an error's message and stack trace into a payload, which the codec encrypts; by default they stand in history
 * as clear text. Loaded by path, in Node and inside the workflow bundle: the export's name is Temporal's.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
