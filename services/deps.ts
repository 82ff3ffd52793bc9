import type { Client } from '@temporalio/client';
import type { Policy } from '../domain/policy.ts';
import type { GatewayEvents } from '../domain/ports.ts';
import type { Graph } from '../graph/index.ts';

export interface ServiceDeps {
  readonly graph: Graph;
  readonly temporal: Client;
  readonly policy: Policy;
  readonly gatewayEvents: GatewayEvents;
}
