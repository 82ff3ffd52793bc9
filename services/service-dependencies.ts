import type { Client } from '@temporalio/client';
import type { Policy } from '../domain/policy.ts';
import type { ErasureJournal, TrustedDeviceListener, WebhookReader } from '../domain/ports.ts';
import type { Graph } from '../graph/index.ts';
import type { AskPersonaDependencies } from './ask-persona.ts';
import type { Entrance } from './late-messages.ts';

export interface ServiceDependencies extends AskPersonaDependencies {
  readonly graph: Graph;
  readonly temporal: Client;
  readonly policy: Policy;
  readonly gatewayEvents: WebhookReader;
  /** Absent: Chimera is not configured. */
  readonly chimera?: TrustedDeviceListener;
  /** Absent: nothing can be erased. */
  readonly journal?: ErasureJournal;
  /** Counts messages about erased customers. */
  readonly onLateMessage?: (entrance: Entrance) => void;
}
