import packageJson from '../package.json' with { type: 'json' };

/** What archives say wrote them. */
export const PRODUCT = { name: 'tidemark', version: packageJson.version };
