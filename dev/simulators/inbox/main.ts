/**
 * Runs the inbox simulator as a process: `SIM_PORT` (webhook and reading) and `SIM_SMTP_PORT` (0: any free one),
 * `NOTIFY_WEBHOOK_SECRET` (if set, signatures are verified).
 */

import { runSimulator } from '../run.ts';
import { startInboxSimulator } from './server.ts';

const { SIM_PORT, SIM_SMTP_PORT, NOTIFY_WEBHOOK_SECRET } = process.env;

await runSimulator(() =>
  startInboxSimulator({
    port: Number(SIM_PORT ?? 0),
    smtpPort: Number(SIM_SMTP_PORT ?? 0),
    ...(NOTIFY_WEBHOOK_SECRET && { secret: NOTIFY_WEBHOOK_SECRET }),
  }),
);
