/** The graph's public face: commands, queries, and what a composition root needs to open it. */

export { isSameRequest, requestHash } from './body-hash.ts';
export { runCommand } from './command.ts';
export type { CommandHeader } from './command.ts';
export type { CommandTx, CustomerNode, DeviceNode, NewEvent } from './command-tx.ts';
export { openGraph } from './graph.ts';
export type { Graph, GraphOptions, Reader } from './graph.ts';
export { migrate } from './migrate.ts';
export { getNoticeRecipient, type NoticeRecipient } from './queries/customer-profile.ts';
