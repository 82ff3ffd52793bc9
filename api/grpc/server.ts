import { experimental, Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { TlsMaterial, TlsWatch } from '../../platform/tls-files.ts';
import { IdentityGraphServiceService } from '../../proto/gen/persona/v1/identity_graph.ts';
import { PersonaCatalogueService } from '../../proto/gen/persona/v1/persona_catalogue.ts';
import type { Services } from '../../services/services.ts';
import type { Authentication } from '../access/authenticate.ts';
import type { Admission } from '../admission.ts';
import { MAX_WAIT_MS, type Observers } from '../requests.ts';
import { admitCalls } from './admission.ts';
import { personaAgentService } from './context-message.ts';
import { identityGraph } from './identity-graph.ts';
import { personaAgent } from './persona-agent.ts';
import { personaCatalogue } from './persona-catalogue.ts';
import { serveHealth } from './health.ts';
import { addReflection } from './reflection.ts';

const SERVICES = [
  'persona.v1.PersonaAgent',
  'persona.v1.IdentityGraphService',
  'persona.v1.PersonaCatalogue',
];
/** Served in addition. */
const STANDARD_SERVICES = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];
/** Of one connection: health can be watched without authentication. As many as the process admits calls. */
const MAX_STREAMS = 1_000;
/** The same limit as for REST bodies. */
const MAX_MESSAGE_BYTES = 64 * 1_024;
/** Clients reconnect at this interval and so discover new replicas; a call in progress may finish. */
const MAX_CONNECTION_AGE_MS = 10 * 60_000;
const CONNECTION_GRACE_MS = 60_000;
/** How long running calls may take to finish when the server stops: each of them has ended by then. */
const DRAIN_MS = MAX_WAIT_MS + 1_000;

export interface GrpcServer {
  /** `host:port`. */
  address: string;
  /** From now on health follows the dependencies; before, nothing is serving. */
  setServing(): void;
  /** Makes load balancers stop sending calls; calls are still served. */
  setNotServing(): void;
  /** Refuses new calls, lets running ones finish. */
  close(): Promise<void>;
}

/**
 * Serves all services, health and reflection; the last two to everyone.
 *
 * @param address.tls with the authority of client certificates; absent: plain text, for a loopback address only
 * @param address.port 0: any free port
 */
export async function serveGrpc(
  { host, port, tls }: { host: string; port: number; tls?: TlsWatch },
  services: Services,
  observers: Observers,
  access: { admission: Admission; authentication: Authentication },
): Promise<GrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_STREAMS,
    'grpc.max_connection_age_ms': MAX_CONNECTION_AGE_MS,
    'grpc.max_connection_age_grace_ms': CONNECTION_GRACE_MS,
    // Its statistics of streams and messages are not exposed anywhere.
    'grpc.enable_channelz': 0,
  });
  const admitted = <T extends UntypedServiceImplementation>(calls: T) => admitCalls(calls, observers, access);
  server.addService(personaAgentService, admitted(personaAgent(services, observers)));
  server.addService(IdentityGraphServiceService, admitted(identityGraph(services, observers)));
  server.addService(PersonaCatalogueService, admitted(personaCatalogue(services, observers)));
  // All services read the graph, and are available for that without Temporal.
  const roles = { reads: ['', ...SERVICES], processes: ['processes'] };
  const health = serveHealth(server, () => services.dependencyStates(), roles);
  addReflection(server, [...SERVICES, ...STANDARD_SERVICES]);

  const authority = host.includes(':') ? `[${host}]` : host;
  const boundPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${authority}:${port}`, credentialsOf(tls), (error, assignedPort) =>
      error ? reject(error) : resolve(assignedPort),
    );
  });
  return {
    address: `${authority}:${boundPort}`,
    setServing: health.setServing,
    setNotServing: health.setNotServing,
    close: () =>
      new Promise((resolve) => {
        health.setNotServing();
        const force = setTimeout(() => server.forceShutdown(), DRAIN_MS);
        server.tryShutdown(() => {
          clearTimeout(force);
          resolve();
        });
      }),
  };
}

/** A caller without a certificate may have a token, so the handshake accepts both; calls are checked one by one. */
function credentialsOf(tls: TlsWatch | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const identity = {
    addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener) {
      const update = ({ cert, key }: TlsMaterial) => listener({ certificate: cert, privateKey: key });
      // Later, as the library's own provider does: the server does not listen for it yet.
      process.nextTick(update, tls.current());
      tls.onChange(update);
    },
    removeIdentityCertificateListener() {},
    addCaCertificateListener(listener: experimental.CaCertificateUpdateListener) {
      const update = ({ ca }: TlsMaterial) => listener(ca === undefined ? null : { caCertificate: ca });
      process.nextTick(update, tls.current());
      tls.onChange(update);
    },
    removeCaCertificateListener() {},
  };
  return experimental.createCertificateProviderServerCredentials(identity, identity, false);
}
