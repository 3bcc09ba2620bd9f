import type { PartFacts } from '@tidemark/contracts';

import { partName } from './entry-names.js';
import { MAX_PART_BYTES, MAX_PART_RAW_BYTES, MAX_RATIO } from './limits.js';
import type { Manifest, ManifestPart } from './manifest-schema.js';

/** The first rule over several fields of a manifest that does not hold, as a sentence; undefined when all hold. */
export function brokenRule(manifest: Manifest): string | undefined {
  const { parts, totals, history, snapshot } = manifest;
  const ofParts = historyOf(parts);
  const rules: readonly (readonly [holds: boolean, otherwise: string])[] = [
    [totals.versions === sumOf(parts, 'rows'), 'totals.versions: not the sum of the rows of the parts'],
    [totals.bytes === sumOf(parts, 'rawBytes'), 'totals.bytes: not the sum of the raw bytes of the parts'],
    [totals.documents <= totals.versions, 'totals.documents: more documents than versions'],
    [
      history.earliestUpdateTimeMicros === ofParts.earliestUpdateTimeMicros &&
        history.latestUpdateTimeMicros === ofParts.latestUpdateTimeMicros,
      'history: not the earliest and latest stamp of the parts',
    ],
    [(history.latestUpdateTimeMicros ?? 0) <= snapshot.closedTimeMicros, 'history: goes on after the closed time'],
  ];
  return firstBrokenPart(parts) ?? rules.find(([holds]) => !holds)?.[1];
}

export function sumOf(parts: readonly PartFacts[], fact: 'rows' | 'rawBytes' | 'bytes'): number {
  return parts.reduce((sum, part) => sum + part[fact], 0);
}

export function historyOf(parts: readonly PartFacts[]): Manifest['history'] {
  if (parts.length === 0) return { earliestUpdateTimeMicros: null, latestUpdateTimeMicros: null };
  return {
    earliestUpdateTimeMicros: parts.reduce((least, part) => Math.min(least, part.minUpdateTimeMicros), Infinity),
    latestUpdateTimeMicros: parts.reduce((most, part) => Math.max(most, part.maxUpdateTimeMicros), 0),
  };
}

/** The same for one part, by its place from 0. */
export function brokenPartRule(part: ManifestPart, index: number): string | undefined {
  const broken = PART_RULES.find(({ holds }) => !holds(part, index));
  return broken && `parts[${index}]: ${broken.otherwise}`;
}

function firstBrokenPart(parts: readonly ManifestPart[]): string | undefined {
  for (const [index, part] of parts.entries()) {
    const broken = brokenPartRule(part, index);
    if (broken) return broken;
  }
  return undefined;
}

interface PartRule {
  readonly holds: (part: ManifestPart, index: number) => boolean;
  readonly otherwise: string;
}

const PART_RULES: readonly PartRule[] = [
  { holds: (part, index) => part.name === partName(index), otherwise: 'its name is not its number' },
  { holds: (part) => part.rows > 0, otherwise: 'it has no rows' },
  { holds: (part) => part.rawBytes <= MAX_PART_RAW_BYTES, otherwise: `over ${MAX_PART_RAW_BYTES} bytes of rows` },
  { holds: (part) => part.bytes <= MAX_PART_BYTES, otherwise: `over ${MAX_PART_BYTES} bytes` },
  { holds: (part) => part.rawBytes <= part.bytes * MAX_RATIO, otherwise: 'more rows than its bytes can hold' },
  {
    holds: (part) => part.minUpdateTimeMicros <= part.maxUpdateTimeMicros,
    otherwise: 'its stamps end before they begin',
  },
];
