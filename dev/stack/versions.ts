import versions from './versions.json' with { type: 'json' };

/** The single definition of the servers' sources and versions. */
export { versions };
