/** JSON laid out for reading, from its text: digits of large numbers and doubled keys stay as they were sent. */

export type TokenKind = "key" | "string" | "number" | "word" | "mark";

export interface Token {
  kind: TokenKind;
  text: string;
}

const LEXEME = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null|[{}[\],:]/g;

/** Characters that a list or an object may have to stand on one line. */
const ONE_LINE = 64;

/** Tokens with line breaks and indentation in the marks; null when the text is not an object or a list of JSON. */
export function layOut(json: string): Token[] | null {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null) return null;
  } catch {
    return null;
  }
  const lexemes = json.match(LEXEME) ?? [];
  const inline = onOneLine(lexemes);
  const tokens: Token[] = [];
  let depth = 0;
  const mark = (text: string) => {
    const last = tokens.at(-1);
    if (last?.kind === "mark") last.text += text;
    else tokens.push({ kind: "mark", text });
  };
  const flat: boolean[] = [];
  const line = (close = false) => (flat.at(-1) ? (close ? "" : " ") : `\n${"  ".repeat(depth)}`);
  lexemes.forEach((lexeme, at) => {
    const next = lexemes[at + 1];
    switch (lexeme[0]) {
      case "{":
      case "[":
        depth++;
        flat.push(inline[at]!);
        mark(lexeme + (inline[at] ? "" : line()));
        break;
      case "}":
      case "]": {
        depth--;
        mark(line(true) + lexeme);
        flat.pop();
        break;
      }
      case ",":
        mark(lexeme + line());
        break;
      case ":":
        mark(": ");
        break;
      case '"':
        tokens.push({ kind: next === ":" ? "key" : "string", text: lexeme });
        break;
      case "t":
      case "f":
      case "n":
        tokens.push({ kind: "word", text: lexeme });
        break;
      default:
        tokens.push({ kind: "number", text: lexeme });
    }
  });
  return tokens;
}

/** Where a list or object begins: whether it is short enough to stand on one line. */
function onOneLine(lexemes: readonly string[]): boolean[] {
  const inline: boolean[] = [];
  const open: { at: number; from: number }[] = [];
  let length = 0;
  lexemes.forEach((lexeme, at) => {
    if (lexeme === "{" || lexeme === "[") open.push({ at, from: length });
    length += lexeme.length + (lexeme === "," || lexeme === ":" ? 1 : 0);
    if (lexeme === "}" || lexeme === "]") {
      const start = open.pop();
      if (start) inline[start.at] = length - start.from <= ONE_LINE;
    }
  });
  return inline;
}

/** An attribute's value as text: strings as they are, everything else as JSON. The API gives integers beyond 2^53 as strings. */
export function valueText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
