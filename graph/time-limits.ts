/**
 * Time limits of graph operations, in milliseconds. A command that waits for a lock ends and frees its connection
 * before the shortest timeout of the activities that run commands (20 s): a command that outlived its activity would
 * continue to wait alongside the retry, and each retry would take another connection.
 */

/** A hot read must not wait for a connection as long as the driver's default of a minute. */
export const CONNECTION_MS = 5_000;
/**
 * All transactions of one command, retries included. They take milliseconds; the first of its kind, planned on a busy
 * machine, takes seconds. In addition there is the wait for a connection, and Neo4j checks for expired transactions
 * only every two seconds: 19 s in total.
 */
export const COMMAND_MS = 12_000;
/**
 * The same for a command in a local activity, for which the workflow task waits five seconds: a command that outlived
 * it would hold a second connection alongside that of the activity that takes over.
 */
export const LOCAL_COMMAND_MS = 3_000;
/** No transaction starts with less than this left, or with less than half of the command's limit if that is shorter. */
export const MIN_TRANSACTION_MS = 4_000;
/** A read of a process that serves requests. */
export const READ_MS = 12_000;
