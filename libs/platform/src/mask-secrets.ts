const MASK = '***';

/** Fields, headers and settings whose values are secrets, whatever holds them. */
const NAMES =
  'bearer|authorization|proxy-authorization|cookie|x-tidemark-grant|grant|tokens?|password|TIDEMARK_API_TOKENS|TIDEMARK_SECRET_KEY|TIDEMARK_GRANT_KEY';
const SECRET = new RegExp(`^(?:${NAMES})$`, 'i');
/** The same in what is no whole JSON text. */
const SECRET_FIELD = new RegExp(`("(?:${NAMES})"\\s*:\\s*")(?:[^"\\\\]|\\\\.)*`, 'gi');

/** The same in what was to be JSON and is not: whatever may be meant as the value, quoted or not. */
const BROKEN_FIELD = new RegExp(
  String.raw`((?:${NAMES})["']?\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\[[^\]]*|\{[^}]*|[^\s,}]+)`,
  'gi',
);

/**
 * Where a URL's authority begins. JSON may have escaped the slashes of a URL, and other characters of it, but not a
 * quote that ends it. These three match wherever an authority begins, with a secret behind it or without: so each
 * character is looked at once, however long the text is.
 */
const AUTHORITY = String.raw`[a-z0-9+.-]:\\?\/\\?\/`;
const USERINFO = new RegExp(String.raw`(${AUTHORITY})([^\s"/?#\\@]*@)*`, 'gi');
const QUERY = new RegExp(String.raw`(${AUTHORITY}[^\s"?#]*)(\?(?:\\[^"]|[^\s"#\\])+)?`, 'gi');
/** A password may hold what would end it in a URL that is well formed. */
const CONNECTION_USERINFO = /((?:postgres(?:ql)?|amqps?):\\?\/\\?\/)([^\s"]*)/gi;
const CREDENTIALS = /\b(Bearer +)[\w.~+/-]{8,}=*/g;

/**
 * The text of a message, a log line or an error fit for people to see: secrets by the names of their fields, userinfo
 * and queries of URLs, and the credentials of an Authorization header are masked.
 */
export function maskSecrets(text: string): string {
  return maskParsed(text) ?? maskText(text.replace(SECRET_FIELD, `$1${MASK}`));
}

/** Of the body of a message, which should be JSON: where it is not, fields without quotes and other odd ones are masked too. */
export function maskBody(text: string): { readonly masked: string; readonly isJson: boolean } {
  const masked = maskParsed(text);
  if (masked !== undefined) return { masked, isJson: true };
  return { masked: maskText(text.replace(BROKEN_FIELD, `$1${MASK}`)), isJson: false };
}

/** By structure, so that no spelling of a name or a value gets through; undefined where the text is not JSON. */
function maskParsed(text: string): string | undefined {
  let found = 0;
  const mask = (name: string, value: unknown): unknown => {
    const masked = masking(name, value);
    if (masked !== value) found++;
    return masked;
  };
  try {
    const masked: unknown = JSON.parse(text, mask);
    return found > 0 ? JSON.stringify(masked) : text;
  } catch {
    return undefined;
  }
}

function masking(name: string, value: unknown): unknown {
  if (SECRET.test(name) && value !== null) return MASK;
  return typeof value === 'string' ? maskText(value) : value;
}

function maskText(text: string): string {
  return text
    .replace(CONNECTION_USERINFO, (_, scheme: string, rest: string) => scheme + maskedTo(rest.lastIndexOf('@'), rest))
    .replace(USERINFO, (_, scheme: string, userinfo?: string) =>
      userinfo === undefined ? scheme : `${scheme}${MASK}@`,
    )
    .replace(QUERY, (_, before: string, query?: string) => (query === undefined ? before : `${before}?${MASK}`))
    .replace(CREDENTIALS, `$1${MASK}`);
}

function maskedTo(at: number, text: string): string {
  return at === -1 ? text : MASK + text.slice(at);
}
