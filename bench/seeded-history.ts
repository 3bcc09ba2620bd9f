const WORDS = 'ebb flood slack neap spring harbour buoy keel sounding shoal beacon mooring'.split(' ');
const WRITES = 20;
const VERSIONS_A_DOCUMENT = 4;

export type Written = readonly [link: string, fields: object];

/** Writes that follow each other, the same at every call: documents of some 300 bytes that get four versions each. */
export function* seededHistory(versions: number): Generator<{ readonly share: number; readonly documents: Written[] }> {
  const documents = Math.ceil(versions / VERSIONS_A_DOCUMENT);
  const next = seeded(1);
  for (let write = 1, version = 0; write <= WRITES; write++) {
    const until = Math.round((versions * write) / WRITES);
    const written: Written[] = [];
    for (; version < until; version++) written.push([`/bench/${version % documents}`, fieldsOf(version, next)]);
    yield { share: write / WRITES, documents: written };
  }
}

function fieldsOf(version: number, next: () => number): object {
  const number = (): number => Math.floor(next() * 2 ** 32);
  const words = Array.from({ length: 24 }, () => WORDS[Math.floor(next() * WORDS.length)]);
  const id = Array.from({ length: 8 }, () => number().toString(16).padStart(8, '0')).join('');
  return { version, id, height: next() * 12 - 3, name: words.slice(0, 2).join(' '), text: words.join(' ') };
}

/** Mulberry32: numbers from 0 to below 1. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
