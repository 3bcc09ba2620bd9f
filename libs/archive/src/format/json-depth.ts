const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Square and curly brackets differ in one bit; with it set they are the curly ones. */
const BRACKET_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Whether a JSON text opens more than `levels` brackets inside each other. Says nothing about whether it is JSON. */
export function nestsDeeperThan(text: string, levels: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if ((unit | BRACKET_BIT) === OPEN && ++depth > levels) return true;
    else if ((unit | BRACKET_BIT) === CLOSE) depth--;
  }
  return false;
}

function endOfString(text: string, opening: number): number {
  let at = opening + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}
