import { objectText } from './document-json.js';
import { scanObject } from './scan-json.js';

/**
 * RFC 7396 over object texts: what the patch does not name stays as written, character by character.
 * Both texts are valid JSON objects; so is the result, without blanks.
 */
export function mergePatch(target: string, patch: string): string {
  const members = new Map(scanObject(target).map((member) => [member.name, member]));
  for (const { name, key, value } of scanObject(patch)) {
    if (value === 'null') members.delete(name);
    else members.set(name, { name, key, value: mergedValue(members.get(name)?.value, value) });
  }
  return objectText([...members.values()]);
}

function mergedValue(target: string | undefined, patch: string): string {
  if (!patch.startsWith('{')) return patch;
  return mergePatch(target?.startsWith('{') ? target : '{}', patch);
}
