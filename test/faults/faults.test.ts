/** Every kind of crash, each at some of its points; `long.test.ts` has them all. */

import { FEW_POINTS, testCrashPoints } from './crash-points.ts';
import { onFaultSystem } from './of-file.ts';
import { testProcessPoints } from './process-points.ts';
import { testRandomKills } from './random/suite.ts';

onFaultSystem((running) => {
  testCrashPoints(running, FEW_POINTS);
  testProcessPoints(running, ['worker']);
  testRandomKills(running, { obligations: 30, spread: 15_000, victims: ['worker', 'api', 'gateway'] });
});
