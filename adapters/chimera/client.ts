/** Chimera, the fraud agent, over gRPC (docs/reference/interfaces.md, 'Chimera'). */

import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  BrokenCircuitError,
  bulkhead,
  BulkheadRejectedError,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
} from 'cockatiel';
import { PersonaError } from '../../domain/errors.ts';
import type { Chimera, TrustedDeviceListener } from '../../domain/ports.ts';
import { activeTraceparent, traced } from '../../platform/tracing.ts';
import { ChimeraAgentClient } from '../../proto/gen/chimera/v1/chimera.ts';

/** A healthy Chimera responds within milliseconds. */
const DEADLINE_MS = 5000;
/** Consecutive failures that open the breaker, so that callers do not wait for a deadline that will expire anyway. */
const FAILURES_TO_OPEN = 5;
const OPEN_FOR_MS = 10_000;
/** The customer at the checkout has long had the response, so a report that takes longer is of no use. */
const TRUSTED_DEVICE_DEADLINE_MS = 1000;
/** At a Chimera that responds within 10 ms, ten thousand reports per second; while it hangs, the others fail immediately. */
const MAX_TRUSTED_DEVICE_REPORTS = 100;

export interface ChimeraClient extends Chimera, TrustedDeviceListener {
  /** Waits for the calls in flight, each of which ends at its deadline, and disconnects. */
  close(): Promise<void>;
}

type Call<Reply> = (
  metadata: Metadata,
  deadline: { deadline: Date },
  callback: (error: ServiceError | null, reply: Reply) => void,
) => void;

/** `address`: `CHIMERA_ADDRESS`, host:port. Connects with the first call. */
export function createChimeraClient({ address }: { address: string }): ChimeraClient {
  const client = new ChimeraAgentClient(address, credentials.createInsecure());
  const breaker = circuitBreaker(handleAll, {
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
    halfOpenAfter: OPEN_FOR_MS,
  });
  const trustedDeviceReports = bulkhead(MAX_TRUSTED_DEVICE_REPORTS);
  const inFlight = new Set<Promise<unknown>>();
  const track = async <Reply>(reply: Promise<Reply>): Promise<Reply> => {
    inFlight.add(reply);
    try {
      return await reply;
    } catch (error) {
      throw unavailable(address, error);
    } finally {
      inFlight.delete(reply);
    }
  };
  const send = <Reply>(rpc: string, request: Call<Reply>, deadlineMs: number): Promise<Reply> =>
    breaker.execute(() =>
      traced(`chimera ${rpc}`, { 'rpc.system': 'grpc', 'rpc.method': rpc }, () => unary(request, deadlineMs)),
    );
  const call = <Reply>(rpc: string, request: Call<Reply>): Promise<Reply> =>
    track(send(rpc, request, DEADLINE_MS));

  return {
    async initiateBehavioralProfile(input) {
      const { baseline_data_ref } = await call<{ baseline_data_ref: string }>(
        'InitiateBehavioralProfile',
        (metadata, deadline, done) => client.initiateBehavioralProfile(input, metadata, deadline, done),
      );
      if (baseline_data_ref.trim() === '')
        throw unavailable(address, 'it started a profile but returned no reference');
      return { baseline_data_ref };
    },
    async reportSuspectedFraud({ occurred_at, payment_id = '', ...report }) {
      const request = { ...report, payment_id, occurred_at: new Date(occurred_at) };
      await call('ReportSuspectedFraud', (metadata, deadline, done) =>
        client.reportSuspectedFraud(request, metadata, deadline, done),
      );
    },
    async forgetCustomer(input) {
      await call('ForgetCustomer', (metadata, deadline, done) =>
        client.forgetCustomer(input, metadata, deadline, done),
      );
    },
    async notifyTrustedDevice(input) {
      const request: Call<unknown> = (metadata, deadline, done) =>
        client.notifyTrustedDevice(input, metadata, deadline, done);
      // Refusals by the bulkhead are no failures of Chimera's, so the breaker does not see them.
      await track(
        trustedDeviceReports.execute(() => send('NotifyTrustedDevice', request, TRUSTED_DEVICE_DEADLINE_MS)),
      );
    },
    async close() {
      await Promise.allSettled(inFlight);
      client.close();
    },
  };
}

function unary<Reply>(request: Call<Reply>, deadlineMs: number): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + deadlineMs);
    const metadata = new Metadata();
    const traceparent = activeTraceparent();
    if (traceparent !== undefined) metadata.set('traceparent', traceparent);
    request(metadata, { deadline }, (error, reply) => (error === null ? resolve(reply) : reject(error)));
  });
}

function unavailable(address: string, error: unknown): PersonaError {
  const reason = reasonOf(error);
  const message = `Chimera at ${address} is unavailable (${reason}). Check CHIMERA_ADDRESS; 'npm start' runs a simulator for development.`;
  return new PersonaError('chimera_unavailable', message, { cause: error });
}

function reasonOf(error: unknown): string {
  if (error instanceof BrokenCircuitError)
    return 'it failed several times in a row; calls are suspended for a few seconds';
  if (error instanceof BulkheadRejectedError)
    return `${MAX_TRUSTED_DEVICE_REPORTS} reports of trusted devices are in flight`;
  return error instanceof Error ? error.message : String(error);
}
