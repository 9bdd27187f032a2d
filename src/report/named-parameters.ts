/** A statement in the spelling of the wire protocol, and which parameter stands at each place. */
export interface NumberedStatement {
  /** With `$1`, `$2`, ... */
  readonly text: string;
  /** Names in the order of their numbers. */
  readonly names: readonly string[];
}

/**
 * What a `:name` can be mistaken for is matched first and kept: comments, strings, quoted names, and casts (`::`).
 * An array's slice (`[:3]`) is no name, because names begin with a letter.
 */
const pieces = /--[^\n]*|'(?:[^']|'')*'|"[^"]*"|::|:([A-Za-z]\w*)/g;

/**
 * Writes `:name` as `$1`. The definitions keep names, because auditors read them and SQL clients ask for them.
 *
 * @example
 * numbered('SELECT :at::text, :at'); // { text: 'SELECT $1::text, $1', names: ['at'] }
 */
export function numbered(sql: string): NumberedStatement {
  const names: string[] = [];
  const text = sql.replaceAll(pieces, (piece: string, name: string | undefined) => {
    if (name === undefined) return piece;
    if (!names.includes(name)) names.push(name);
    return `$${names.indexOf(name) + 1}`;
  });
  return { text, names };
}
