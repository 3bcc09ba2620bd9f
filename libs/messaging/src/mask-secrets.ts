import { MASK } from '@tidemark/contracts';

/** Userinfo and queries of http(s) URLs, also where JSON has escaped the slashes. */
const USERINFO = /(https?:\\?\/\\?\/)[^\s"/?#\\]*@/gi;
const QUERY = /(https?:\\?\/\\?\/[^\s"?#]*\?)[^\s"#]+/gi;
const BEARER = /("bearer"\s*:\s*")(?:[^"\\]|\\.)*/g;

/** The text of a message fit for people to see: a request's `bearer`, and userinfo and queries of URLs, are masked. */
export function maskSecrets(text: string): string {
  return maskUrls(maskParsed(text) ?? text.replace(BEARER, `$1${MASK}`));
}

/** By structure, so that no spelling of the field's name gets through; undefined where the text is not JSON. */
function maskParsed(text: string): string | undefined {
  let found = 0;
  const maskBearer = (name: string, value: unknown): unknown => {
    if (name !== 'bearer' || typeof value !== 'string') return value;
    found++;
    return MASK;
  };
  try {
    const masked: unknown = JSON.parse(text, maskBearer);
    return found > 0 ? JSON.stringify(masked) : text;
  } catch {
    return undefined;
  }
}

function maskUrls(text: string): string {
  return text.replace(USERINFO, `$1${MASK}@`).replace(QUERY, `$1${MASK}`);
}
