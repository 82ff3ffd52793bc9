import { DefaultFailureConverter } from '@temporalio/common';

/**
 * Moves an error's message and stack trace into a payload, which the codec encrypts; by default they are plain text in
 * the history. Loaded by path, in Node and inside the workflow bundle; Temporal prescribes the export's name.
 */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
