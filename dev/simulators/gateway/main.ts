/**
 * Runs the gateway simulator as a process: `SIM_PORT` (0: any free one), `SIM_WEBHOOK_URL`, `SIM_WEBHOOK_SECRET`,
 * `SIM_STATE` (a file; without it a restart loses the state).
 */

import { runSimulator } from '../run.ts';
import { startGatewaySimulator } from './server.ts';

const { SIM_PORT, SIM_WEBHOOK_URL, SIM_WEBHOOK_SECRET, SIM_STATE } = process.env;

await runSimulator(() =>
  startGatewaySimulator({
    port: Number(SIM_PORT ?? 0),
    ...(SIM_WEBHOOK_URL && { webhookUrl: SIM_WEBHOOK_URL }),
    ...(SIM_WEBHOOK_SECRET && { webhookSecret: SIM_WEBHOOK_SECRET }),
    ...(SIM_STATE && { stateFile: SIM_STATE }),
  }),
);
