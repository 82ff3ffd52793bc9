import versions from './versions.json' with { type: 'json' };

/** Which server comes from where and in which version: the one place that says so. */
export { versions };
