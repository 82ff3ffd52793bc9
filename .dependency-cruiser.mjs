// The dependencies between folders (docs/architecture.md, 'What may import what'). Imports that are not listed here are refused.

/** Folder → the folders that it may import besides itself. */
const LAYERS = {
  domain: [],
  workflows: ['domain'],
  activities: ['domain', 'graph', 'platform'],
  services: ['domain', 'graph', 'temporal', 'platform'],
  graph: ['domain', 'security', 'platform'],
  adapters: ['domain', 'proto', 'platform'],
  events: ['domain', 'services', 'security', 'platform'],
  security: ['domain', 'platform'],
  temporal: ['domain', 'security', 'platform'],
  api: ['services', 'domain', 'proto', 'security', 'platform'],
  proto: [],
  platform: ['domain'],
  // It starts other programs, and shares only names, contracts and the run file with them.
  dev: ['domain', 'platform', 'proto'],
};
/** Composition roots may import every folder. */
const ROOTS = ['workers', 'consumers', 'cli', 'bench'];
const folders = [...Object.keys(LAYERS), ...ROOTS, 'test'];

/** Tests, and modules that only tests use. */
const TESTS = '(^test/|[.]test[.]ts$|(^|/)([a-z-]*fixtures?|fakes)[.]ts$)';
const MAIN = '(^|/)main[.]ts$';
/** Packages without side effects. */
const PURE_PACKAGES = 'node_modules/(libphonenumber-js|uuid)/';
/** Packages that Temporal's sandbox provides. */
const SANDBOX_PACKAGES = 'node_modules/@temporalio/(workflow|common)/';

const layers = Object.entries(LAYERS).map(([folder, allowed]) => ({
  name: `${folder}-imports-only-${allowed.join('-') || 'itself'}`,
  severity: 'error',
  from: { path: `^${folder}/`, pathNot: [TESTS, MAIN] },
  to: {
    path: `^(${folders.join('|')})/`,
    // Activities implement interfaces that are declared by workflows, so they may import those types.
    pathNot: `^(${[folder, ...allowed, ...(folder === 'activities' ? ['workflows'] : [])].join('|')})/`,
  },
}));

export default {
  forbidden: [
    ...layers,
    {
      name: 'activities-know-workflows-by-type-only',
      severity: 'error',
      from: { path: '^activities/', pathNot: TESTS },
      to: { path: '^workflows/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'domain-is-pure',
      comment: 'no driver and no I/O; url is allowed for one pure function, domainToASCII',
      severity: 'error',
      from: { path: '^domain/', pathNot: TESTS },
      to: { pathNot: ['^domain/', PURE_PACKAGES, '^url$'] },
    },
    {
      name: 'workflows-reach-nothing-but-domain',
      comment: 'not even transitively: everything reachable is bundled and runs in the sandbox',
      severity: 'error',
      from: { path: '^workflows/', pathNot: TESTS },
      to: { reachable: true, pathNot: ['^(workflows|domain)/', SANDBOX_PACKAGES] },
    },
    {
      name: 'only-tests-import-tests',
      severity: 'error',
      from: { pathNot: [TESTS, '^vitest[.]config[.]ts$'] },
      to: { path: TESTS },
    },
    {
      name: 'graph-kernel-imports-nothing-beside-it',
      comment: 'commands and queries build on it; what it needs of them is passed to it',
      severity: 'error',
      from: { path: '^graph/kernel/', pathNot: TESTS },
      to: { path: '^graph/', pathNot: '^graph/kernel/' },
    },
    {
      name: 'no-circles',
      comment: 'imports of types count: in a circle no file can be read without the others',
      severity: 'error',
      from: { pathNot: '^workflows/' },
      to: { circular: true },
    },
    {
      name: 'no-circles-of-workflows',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^[.]persona/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.mts', '.mjs', '.js', '.json'],
    },
  },
};
