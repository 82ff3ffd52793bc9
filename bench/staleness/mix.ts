/** Reads and writes of a few customers at the same time: two processes answer the reads, a third one writes. */

import { randomUUID } from 'node:crypto';
import {
  GetCustomerContextRequest,
  GetCustomerContextResponse,
  PersonaAgentService,
} from '../../proto/gen/persona/v1/persona_agent.ts';
import {
  IdentityGraphServiceService,
  UpdateNodePropertyRequest,
  UpdateNodePropertyResponse,
} from '../../proto/gen/persona/v1/identity_graph.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';
import { openGrpcCaller } from '../grpc-caller.ts';
import { quantile } from '../result.ts';
import { runCallsFor } from '../side-by-side.ts';
import type { BenchProgram } from '../system.ts';
import type { AcknowledgedVersions } from './acknowledged.ts';
import { readsIn, readsSince, shareOf } from './cache-reads.ts';

export interface Processes {
  readers: readonly BenchProgram[];
  writer: BenchProgram;
}

export interface MixOptions {
  customers: readonly string[];
  acknowledged: AcknowledgedVersions;
  inFlight: number;
  ms: number;
  /** The share of writes, 0 to 1. */
  writes: number;
}

/** Times in milliseconds, shares in percent of the reads. */
export interface MixFigures {
  readsPerSecond: number;
  writesPerSecond: number;
  /** Answered from the process's own cache. */
  hits: number;
  /** From Redis. */
  shared: number;
  /** Answers that lack a write which had been acknowledged before their request was sent. */
  outdated: number;
  /** For how long. */
  lagP99: number;
  lagMax: number;
  /** From an answer's `as_of` to its request; 0 for one that was read later. */
  ageP99: number;
  ageMax: number;
}

/** Runs the mix once. @throws Error if an answer is marked stale, which only an outage of Neo4j explains */
export async function runMix(
  { readers, writer }: Processes,
  { customers, acknowledged, inFlight, ms, writes }: MixOptions,
): Promise<MixFigures> {
  const { path } = PersonaAgentService.getCustomerContext;
  const readCallers = readers.map(({ ready }) => openGrpcCaller(String(ready.grpc), path));
  const writeCaller = openGrpcCaller(
    String(writer.ready.grpc),
    IdentityGraphServiceService.updateNodeProperty.path,
  );
  const before = await Promise.all(readers.map(cacheReads));
  const lags: number[] = [];
  const ages: number[] = [];
  let written = 0;

  const read = async (n: number, customer_id: string) => {
    const sentAt = performance.now();
    const sentTime = Date.now();
    const request = { customer_id, consistency: Consistency.CONSISTENCY_EVENTUAL, min_version: 0n };
    const message = GetCustomerContextRequest.encode({ ...request, transaction_id: '' }).finish();
    const response = await readCallers[n % readCallers.length]?.call(message);
    const answer = GetCustomerContextResponse.decode(response ?? new Uint8Array());
    if (answer.stale) throw new Error(`a context of customer ${customer_id} is marked stale`);
    lags.push(acknowledged.lag(customer_id, Number(answer.version), sentAt));
    ages.push(Math.max(0, sentTime - (answer.as_of?.getTime() ?? Number.NaN)));
  };
  const write = async (id: string) => {
    const value = `S${randomUUID().replaceAll('-', '').toUpperCase()}`;
    const request = { label: 'Customer', id, property: 'segment', value };
    const message = UpdateNodePropertyRequest.encode(request).finish();
    const response = await writeCaller.call(message, { 'idempotency-key': value });
    const { version } = UpdateNodePropertyResponse.decode(response);
    acknowledged.add(id, Number(version), performance.now());
    written += 1;
  };
  const { perSecond, calls } = await runCallsFor(ms, inFlight, (n) => {
    const customer = customers[Math.floor(Math.random() * customers.length)] as string;
    return Math.random() < writes ? write(customer) : read(n, customer);
  });
  for (const caller of [...readCallers, writeCaller]) caller.close();
  const reads = readsSince(before, await Promise.all(readers.map(cacheReads)));
  return {
    readsPerSecond: (perSecond * (calls - written)) / calls,
    writesPerSecond: (perSecond * written) / calls,
    hits: shareOf(reads, ['hit']),
    shared: shareOf(reads, ['shared']),
    outdated: (lags.filter((lag) => lag > 0).length * 100) / lags.length,
    lagP99: quantile(lags, 0.99),
    lagMax: Math.max(...lags),
    ageP99: quantile(ages, 0.99),
    ageMax: Math.max(...ages),
  };
}

async function cacheReads({ ready }: BenchProgram) {
  const response = await fetch(String(ready.metrics));
  return readsIn(await response.text());
}
