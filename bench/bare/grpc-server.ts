/**
 * A minimal server for `GetCustomerContext`, as a separate process: STRONG runs Persona's query and maps its row, EVENTUAL
 * returns the same message to every request.
 */

import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import neo4j from 'neo4j-driver';
import { customerContextQuery } from '../../graph/queries/customer-context.ts';
import { readPolicy } from '../../platform/policy.ts';
import {
  type GetCustomerContextRequest,
  type GetCustomerContextResponse,
  PersonaAgentService,
} from '../../proto/gen/persona/v1/persona_agent.ts';
import { Consistency } from '../../proto/gen/persona/v1/types.ts';

const { NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD, NEO4J_DATABASE, GRPC_PORT } = process.env;
const policy = readPolicy();
const driver = neo4j.driver(
  String(NEO4J_URI),
  neo4j.auth.basic(String(NEO4J_USERNAME), String(NEO4J_PASSWORD)),
  { disableLosslessIntegers: true },
);

async function read(customer_id: string): Promise<GetCustomerContextResponse> {
  const session = driver.session({ database: NEO4J_DATABASE, defaultAccessMode: neo4j.session.READ });
  try {
    const { records } = await session.run(customerContextQuery(policy.trust), {
      customer_id,
      device_window: neo4j.int(policy.context.deviceWindow),
      threshold: policy.trust.threshold,
    });
    const { device_ids, trust_scores, last_logins, ...row } = records[0]?.toObject() ?? {};
    return {
      ...(row as GetCustomerContextResponse),
      is_vip: false,
      ltv: String(row.ltv_minor),
      ltv_currency: policy.reportingCurrency,
      trusted_devices: device_ids.map((device_id: string, index: number) => ({
        device_id,
        trust_score: trust_scores[index],
        last_login: new Date(last_logins[index]),
      })),
      version: BigInt(row.version),
      as_of: new Date(),
    };
  } finally {
    await session.close();
  }
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

const server = new Server();
server.addService({ getCustomerContext: PersonaAgentService.getCustomerContext }, { getCustomerContext });
server.bindAsync(`127.0.0.1:${GRPC_PORT}`, ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(JSON.stringify({ ready: { grpc: `127.0.0.1:${port}` } }));
});
process.once('SIGTERM', () => process.exit(0));
