/** What only tests use: the same check as knip.json, without the tests. `npm test` runs both. */

import type { KnipConfig } from 'knip';
import all from './knip.json' with { type: 'json' };

/** A pattern for knip's production mode. */
const production = (pattern: string) => `${pattern}!`;

export default {
  ...all,
  entry: all.entry.filter((entry) => entry !== '**/*.test.ts' && !entry.startsWith('test/')).map(production),
  project: [
    ...all.project,
    ...['!test/**', '!**/*.test.ts', '!**/*{-fixture,-fixtures}.ts', '!api/fakes.ts'],
  ].map(production),
  exclude: ['types', 'enumMembers', 'dependencies', 'unlisted', 'unresolved', 'binaries'],
  treatConfigHintsAsErrors: true,
  ignoreIssues: {
    // The graph's contract (docs/reference/graph.md): commands and queries that no interface offers yet. An entry is
    // removed with the route, rpc or consumer that calls it.
    'graph/index.ts': ['exports'],
    'graph/customers/{create-customer,resolve-identity-match}.ts': ['exports'],
    'graph/devices/link-device.ts': ['exports'],
    'graph/identifiers/edit-identifier.ts': ['exports'],
    'graph/queries/{find-by-device,identifiers,method-scans,obligations}.ts': ['exports'],
    'graph/wallet/{edit-payment-method,record-use,update-payment-method}.ts': ['exports'],
    // After each test the streams that it wrote are compared with the graph, as `persona verify` does for all.
    'graph/replay/verify.ts': ['exports'],
  },
} satisfies KnipConfig;
