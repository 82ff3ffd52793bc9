import type { Chimera } from '../domain/ports.ts';
import type { ChimeraActivities } from '../workflows/report-fraud.ts';

export function createChimeraActivities({ chimera }: { chimera: Chimera }): ChimeraActivities {
  return {
    reportSuspectedFraud: (report) => chimera.reportSuspectedFraud(report),
  };
}
