import packageJson from '../package.json' with { type: 'json' };

/** The product's version, as the app's package names it. */
export const VERSION = packageJson.version;
