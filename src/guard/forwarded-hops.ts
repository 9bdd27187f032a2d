/*
 * Reading who a proxy says it was called by. Everything is read from the right, because each proxy appends: what lies
 * left of the hops our own proxies wrote came from the caller and may be anything, an unclosed quote included.
 */

const addressWithPort = /^(?:\[([^\][]+)\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::\d{1,5})?$/;
// RFC 7239 4: pairs of a token and a token or quoted string, the last pair without a semicolon.
const forwardedPair = /\s*([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)")\s*(;|$)/y;

/**
 * The hops that a header names, nearest first; undefined where a hop is not an address (`unknown`, an obfuscated name,
 * garbage).
 */
export function forwardedHops(headerName: string, value: string): (string | undefined)[] {
  if (headerName === 'x-forwarded-for') return value.split(',').toReversed().map(addressOf);
  if (headerName === 'forwarded')
    return elementsFromTheRight(value)
      .map(nodeOf)
      .map((node) => node && addressOf(node));
  // X-Real-IP and its kin name one address; a second one (Node joins them with a comma) makes it no address at all.
  return [addressOf(value)];
}

/** The address without brackets and port, not yet checked to be one. */
function addressOf(hop: string): string {
  const text = hop.trim();
  const [, bracketed, dotted] = addressWithPort.exec(text) ?? [];
  return bracketed ?? dotted ?? text;
}

function elementsFromTheRight(value: string): string[] {
  const elements: string[] = [];
  let end = value.length;
  let inQuotes = false;
  for (let at = value.length - 1; at >= 0; at -= 1) {
    if (value[at] === '"' && !isEscaped(value, at)) inQuotes = !inQuotes;
    if (value[at] === ',' && !inQuotes) {
      elements.push(value.slice(at + 1, end));
      end = at;
    }
  }
  return [...elements, value.slice(0, end)];
}

function isEscaped(value: string, at: number): boolean {
  let backslashes = 0;
  while (value[at - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

/** The one `for` of an element; an element that breaks the grammar or names two callers says nothing. */
function nodeOf(element: string): string | undefined {
  const nodes: string[] = [];
  forwardedPair.lastIndex = 0;
  do {
    const [, name, token, quoted, separator] = forwardedPair.exec(element) ?? [];
    if (name === undefined) return undefined;
    if (name.toLowerCase() === 'for') nodes.push(token ?? quoted?.replace(/\\(.)/g, '$1') ?? '');
    if (separator === '') break;
  } while (forwardedPair.lastIndex < element.length);
  return nodes.length === 1 ? nodes[0] : undefined;
}
