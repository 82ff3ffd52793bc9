/** Every crash at every point, and ten minutes of random ones: `npm run test:long`. */

import { EVERY_POINT, testCrashPoints } from './crash-points.ts';
import { onFaultSystem } from './of-file.ts';
import { EVERY_VICTIM, testProcessPoints } from './process-points.ts';
import { testRandomKills } from './random/suite.ts';

onFaultSystem((running) => {
  testCrashPoints(running, EVERY_POINT);
  testProcessPoints(running, EVERY_VICTIM);
  testRandomKills(running, {
    obligations: 500,
    spread: 10 * 60_000,
    victims: ['worker', 'api', 'gateway', 'neo4j', 'temporal'],
  });
});
