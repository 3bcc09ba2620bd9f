/**
 * Flags that every service's Node runs with. Left to itself V8 lets garbage pile up to a share of the machine's memory;
 * a service streams, so it needs little heap, and a small young generation keeps what it resides in flat. Without Maglev,
 * whose background jobs can wait for ever for a collection by a main thread that is ending (nodejs/node#54918).
 * The npm scripts repeat them; a test holds them together.
 */
export const SERVICE_NODE_FLAGS = [
  '--max-semi-space-size=4',
  '--max-old-space-size=192',
  '--optimize-for-size',
  '--no-maglev',
] as const;
