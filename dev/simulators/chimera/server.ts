/** The Chimera simulator: its gRPC service, and over HTTP its mode and the calls received. */

import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Hono } from 'hono';
import { type ChimeraAgentServer, ChimeraAgentService } from '../../../proto/gen/chimera/v1/chimera.ts';
import { type HttpEnv, listen } from '../listen.ts';
import { readMode } from '../mode.ts';

export interface ChimeraSimulator {
  /** URL of the control API. */
  control: string;
  /** host:port of the service. */
  grpc: string;
  close: () => Promise<void>;
}

interface State {
  unavailable: boolean;
  /** The delay before every response. */
  slowMs: number;
  calls: { at: string; rpc: string; request: unknown }[];
}

/**
 * Starts a Chimera simulator on 127.0.0.1.
 * @param options ports of the service and the control API; 0 or absent: any free one
 */
export async function startChimeraSimulator(
  options: { port?: number; controlPort?: number } = {},
): Promise<ChimeraSimulator> {
  const state: State = { unavailable: false, slowMs: 0, calls: [] };
  const server = new Server();
  server.addService(
    ChimeraAgentService,
    chimeraService(state) as ChimeraAgentServer & UntypedServiceImplementation,
  );
  const port = await bind(server, options.port ?? 0);
  const control = await listen(controlRoutes(state).fetch, options.controlPort);
  return {
    control: control.url,
    grpc: `127.0.0.1:${port}`,
    close: () => {
      server.forceShutdown();
      return control.close();
    },
  };
}

function chimeraService(state: State): ChimeraAgentServer {
  const handler =
    <Request, Reply>(rpc: string, reply: (request: Request) => Reply): handleUnaryCall<Request, Reply> =>
    (call, done) => {
      if (state.unavailable) return done(unavailableError());
      state.calls.push({ at: new Date().toISOString(), rpc, request: call.request });
      setTimeout(() => done(null, reply(call.request)), state.slowMs);
    };
  return {
    initiateBehavioralProfile: handler('InitiateBehavioralProfile', ({ customer_id }) => ({
      baseline_data_ref: `chimera:profile:${customer_id}`,
    })),
    notifyTrustedDevice: handler('NotifyTrustedDevice', () => ({})),
    reportSuspectedFraud: handler('ReportSuspectedFraud', () => ({})),
    forgetCustomer: handler('ForgetCustomer', () => ({})),
  };
}

function unavailableError(): Partial<ServiceError> {
  return { code: status.UNAVAILABLE, details: 'the Chimera simulator is set to unavailable' };
}

function controlRoutes(state: State): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.on(['PUT', 'POST'], '/_sim/mode', async (c) => {
    const requested = readMode(await c.req.text(), ['ok', 'away', 'slow_ms']);
    const slowMs = requested?.mode === 'slow_ms' ? requested.value : 0;
    if (requested === undefined || typeof slowMs !== 'number' || !(slowMs >= 0)) {
      return c.json(
        { error: "mode: must be 'ok' or 'away', or slow_ms a number of milliseconds, 0 or more" },
        400,
      );
    }
    state.unavailable = requested.mode === 'away';
    state.slowMs = slowMs;
    return c.json({ mode: requested.mode, ...(requested.mode === 'slow_ms' && { slow_ms: slowMs }) });
  });
  app.get('/_sim/calls', (c) => c.json({ data: state.calls }));
  return app;
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, boundPort) =>
      error === null ? resolve(boundPort) : reject(error),
    );
  });
}
