/**
 * Flags that every service's Node runs with. Left to itself V8 lets garbage pile up to a share of the machine's memory;
 * a service streams, so it needs little heap, and a small young generation keeps what it resides in flat. Without the
 * compilers in the background that may want a collection: of a main thread that is ending they wait for it for ever, and
 * it for them (nodejs/node#54918).
 * The npm scripts repeat them; a test holds them together.
 */
export const SERVICE_NODE_FLAGS = [
  '--max-semi-space-size=4',
  '--max-old-space-size=192',
  '--optimize-for-size',
  '--no-maglev',
  '--no-concurrent-sparkplug',
] as const;
