/** Chimera, the fraud agent, over gRPC (docs/reference/interfaces.md, 'Chimera'). */

import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import { PersonaError } from '../../domain/errors.ts';
import type { Chimera } from '../../domain/ports.ts';
import { ChimeraAgentClient } from '../../proto/gen/chimera/v1/chimera.ts';

/** A healthy Chimera responds within milliseconds. */
const DEADLINE_MS = 5000;
/** Consecutive failures that open the breaker, so that callers do not wait for a deadline that will expire anyway. */
const FAILURES_TO_OPEN = 5;
const OPEN_FOR_MS = 10_000;

export interface ChimeraClient extends Chimera {
  close(): void;
}

type Call<Reply> = (
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
  const call = async <Reply>(send: Call<Reply>): Promise<Reply> => {
    try {
      return await breaker.execute(() => unary(send));
    } catch (error) {
      throw unavailable(address, error);
    }
  };

  return {
    async initiateBehavioralProfile(input) {
      const { baseline_data_ref } = await call<{ baseline_data_ref: string }>((deadline, done) =>
        client.initiateBehavioralProfile(input, new Metadata(), deadline, done),
      );
      if (baseline_data_ref.trim() === '')
        throw unavailable(address, 'it started a profile but returned no reference');
      return { baseline_data_ref };
    },
    async reportSuspectedFraud({ occurred_at, payment_id = '', ...report }) {
      const request = { ...report, payment_id, occurred_at: new Date(occurred_at) };
      await call((deadline, done) => client.reportSuspectedFraud(request, new Metadata(), deadline, done));
    },
    close: () => client.close(),
  };
}

function unary<Reply>(send: Call<Reply>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + DEADLINE_MS);
    send({ deadline }, (error, reply) => (error === null ? resolve(reply) : reject(error)));
  });
}

function unavailable(address: string, error: unknown): PersonaError {
  const reason =
    error instanceof BrokenCircuitError
      ? 'it failed several times in a row; calls are suspended for a few seconds'
      : error instanceof Error
        ? error.message
        : String(error);
  const message = `Chimera at ${address} is unavailable (${reason}). Check CHIMERA_ADDRESS; 'npm start' runs a simulator for development.`;
  return new PersonaError('chimera_unavailable', message, { cause: error });
}
