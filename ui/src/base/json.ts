// Lays out JSON text without changing a single token: a number past 2^53 stays as it was sent.
// Pure. The text is checked by the browser's own parser first; this only moves white space.

/** The longest text that is looked into; longer ones are shown as they came. */
export const JSON_LEN_MAX = 200_000;

/** A member of a JSON object: its name, and its value as text. */
export type JsonMember = readonly [name: string, value: string];

interface Token {
  readonly text: string;
  readonly offset: number;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function tokensOf(text: string): Token[] {
  const found = text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
  return Array.from(found, (match) => ({ text: match[0], offset: match.index }));
}

/** Lays out a JSON object or array on several lines; null when the text is neither. */
export function layOutJson(text: string): string | null {
  if (text.length > JSON_LEN_MAX || !/^\s*[{[]/.test(text) || !isJson(text)) return null;
  let laidOut = "";
  let depth = 0;
  let before = "";
  const newLine = () => `\n${"  ".repeat(depth)}`;
  for (const { text: token } of tokensOf(text)) {
    if (token === "}" || token === "]") {
      depth -= 1;
      laidOut += before === "{" || before === "[" ? token : newLine() + token;
    } else {
      if (before === "{" || before === "[" || before === ",") laidOut += newLine();
      laidOut += token === ":" ? ": " : token;
      if (token === "{" || token === "[") depth += 1;
    }
    before = token;
  }
  return laidOut;
}

/** The members of a JSON object in their order, texts without their quotes; null when it is none. */
export function jsonMembers(text: string): JsonMember[] | null {
  if (text.length > JSON_LEN_MAX || !/^\s*\{/.test(text) || !isJson(text)) return null;
  const members: JsonMember[] = [];
  let depth = 0;
  let name: string | null = null;
  let valueFrom = 0;
  for (const { text: token, offset } of tokensOf(text)) {
    const isEnd = depth === 1 && (token === "," || token === "}");
    if (isEnd && name !== null) {
      members.push([name, plain(text.slice(valueFrom, offset).trim())]);
      name = null;
    }
    if (token === "{" || token === "[") depth += 1;
    else if (token === "}" || token === "]") depth -= 1;
    else if (depth === 1 && name === null && token.startsWith('"')) name = plain(token);
    else if (depth === 1 && token === ":" && name !== null && valueFrom <= offset) valueFrom = offset + 1;
  }
  return members;
}

function plain(value: string): string {
  return value.startsWith('"') ? String(JSON.parse(value)) : value;
}
