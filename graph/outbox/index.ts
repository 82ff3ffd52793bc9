/** Events on their way to Kafka. */

export { decodeEvent } from './decode.ts';
export { getPublishingFacts } from './facts.ts';
export { getOutboxLag, type OutboxLag } from './lag.ts';
export {
  type ContextRebuild,
  finishContextRebuild,
  readContextRebuild,
  readCustomersAfter,
  requestContextRebuild,
  storeContextRebuild,
} from './rebuild-contexts.ts';
export { readLogKeys, sealForLog } from './log-seal.ts';
export { startRelay } from './start-relay.ts';
export {
  markPublished,
  OUTBOX_START,
  type OutboxPosition,
  readUnpublished,
  storePublishedUntil,
  type UnpublishedPage,
} from './unpublished.ts';
