/**
 * How long the graph may take, in milliseconds. A command that waits for a lock ends, with the connection that it holds,
 * before the shortest time-out of the activities that run commands (20 s): what an activity leaves behind at its own
 * time-out would go on waiting beside its retry, and each retry would take another connection.
 */

/** A hot read must not wait for a connection as long as the driver's default minute. */
export const CONNECTION_MS = 5_000;
/**
 * All transactions of one command, its repetitions included: they take milliseconds; the first one of its kind, planned on a
 * busy machine, seconds. Beside it there is the wait for a connection, and Neo4j looks only every two seconds for
 * transactions whose time is over: 19 s together.
 */
export const COMMAND_MS = 12_000;
/**
 * The same for a command that runs within a workflow's task, which waits for it for five seconds: what it left behind would
 * hold a second connection beside that of the activity which takes over.
 */
export const LOCAL_COMMAND_MS = 3_000;
/** No transaction is begun with less than this left, or less than half of what a command has. */
export const MIN_TRANSACTION_MS = 4_000;
/** A read of a process that others wait for. */
export const READ_MS = 12_000;
