/**
 * A minimal server for `GetCustomerContext` and `GetPaymentOptions`, as a separate process, with the same TLS as Persona's
 * if it has the variables for it. A STRONG context runs Persona's query and maps its row, an EVENTUAL one is the same
 * message for every request. Payment options are the same two statements.
 */

import { readFileSync } from 'node:fs';
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import neo4j from 'neo4j-driver';
import { toMessage } from '../../api/grpc/mapping.ts';
import { isTrusted } from '../../domain/trust.ts';
import { getCheckout, getPaymentOptions as readPaymentOptions } from '../../graph/index.ts';
import { customerContextQuery } from '../../graph/queries/customer-context.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  type GetCustomerContextRequest,
  type GetCustomerContextResponse,
  type GetPaymentOptionsRequest,
  GetPaymentOptionsResponse,
  PersonaAgentService,
} from '../../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';
import { openReader } from './reader.ts';

const { GRPC_PORT, GRPC_TLS_CERT, GRPC_TLS_KEY, GRPC_TLS_CA, BARE_CLIENT_CERTIFICATES } = process.env;
const policy = readPolicy();
const reader = openReader();

async function read(customer_id: string): Promise<GetCustomerContextResponse> {
  const rows = await reader.read<
    Omit<GetCustomerContextResponse, 'version'> & {
      ltv_minor: number;
      version: number;
      device_ids: string[];
      trust_scores: number[];
      last_logins: number[];
    }
  >(customerContextQuery(policy.trust), {
    customer_id,
    device_window: neo4j.int(policy.context.deviceWindow),
    threshold: policy.trust.threshold,
  });
  const [found] = rows;
  if (found === undefined) throw new Error(`there is no customer ${customer_id}`);
  const { device_ids, trust_scores, last_logins, ...row } = found;
  return {
    ...row,
    is_vip: false,
    ltv: String(row.ltv_minor),
    ltv_currency: policy.reportingCurrency,
    trusted_devices: device_ids.map((device_id, index) => ({
      device_id,
      trust_score: trust_scores[index] as number,
      last_login: new Date(last_logins[index] as number),
    })),
    version: BigInt(row.version),
    as_of: new Date(),
  };
}

let lastResponse: GetCustomerContextResponse | undefined;
const getCustomerContext: handleUnaryCall<GetCustomerContextRequest, GetCustomerContextResponse> = (
  { request: { customer_id, consistency } },
  callback,
) => {
  if (consistency === Consistency.CONSISTENCY_EVENTUAL && lastResponse !== undefined)
    callback(null, lastResponse);
  else
    read(customer_id).then((response) => {
      lastResponse = response;
      callback(null, response);
    }, callback);
};

async function readOptions(request: GetPaymentOptionsRequest): Promise<GetPaymentOptionsResponse> {
  const now = Date.now();
  const [{ device }, items] = await Promise.all([
    getCheckout(reader, request),
    readPaymentOptions(reader, { customer_id: request.customer_id, now }),
  ]);
  const device_trusted = device !== undefined && isTrusted(device, policy.trust, now);
  return toMessage(GetPaymentOptionsResponse, { items, device_trusted, conservative: false });
}
const getPaymentOptions: handleUnaryCall<GetPaymentOptionsRequest, GetPaymentOptionsResponse> = (
  { request },
  callback,
) => {
  readOptions(request).then((response) => callback(null, response), callback);
};

function serverCredentials(): ServerCredentials {
  if (!GRPC_TLS_CERT || !GRPC_TLS_KEY || !GRPC_TLS_CA) return ServerCredentials.createInsecure();
  const pair = { cert_chain: readFileSync(GRPC_TLS_CERT), private_key: readFileSync(GRPC_TLS_KEY) };
  return ServerCredentials.createSsl(readFileSync(GRPC_TLS_CA), [pair], BARE_CLIENT_CERTIFICATES === '1');
}

const server = new Server();
server.addService(
  {
    getCustomerContext: PersonaAgentService.getCustomerContext,
    getPaymentOptions: PersonaAgentService.getPaymentOptions,
  },
  { getCustomerContext, getPaymentOptions },
);
server.bindAsync(`127.0.0.1:${GRPC_PORT}`, serverCredentials(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ ready: { grpc: `127.0.0.1:${port}` } }));
});
process.once('SIGTERM', () => process.exit(0));
