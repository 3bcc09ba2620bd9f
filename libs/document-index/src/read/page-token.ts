import { ParameterInvalidError } from '@tidemark/contracts';

/** Where a listing goes on: after a link, in the generation that its first page was read from. */
export interface PagePosition {
  readonly generation: number;
  readonly after: string;
}

export function encodePage({ generation, after }: PagePosition): string {
  return Buffer.from(JSON.stringify([generation, after])).toString('base64url');
}

export function decodePage(token: string): PagePosition {
  const [generation, after] = parsed(token);
  if (
    typeof generation !== 'number' ||
    !Number.isSafeInteger(generation) ||
    generation < 1 ||
    typeof after !== 'string'
  ) {
    throw new ParameterInvalidError('$page', 'is not one of a nextPageLink');
  }
  return { generation, after };
}

function parsed(token: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
