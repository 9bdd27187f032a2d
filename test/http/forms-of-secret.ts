/**
 * The forms in which a secret could lie around: as it is, and as what a careless `toString` or a bytea makes of it, from
 * all of it and from its secret bytes alone.
 */
export function formsOf(secret: string): string[] {
  // A token's first 22 characters are the public id; a key's id ends with its second underscore, and what follows may hold more of them.
  const rest = secret.startsWith('slk_') ? secret.slice(secret.indexOf('_', 4) + 1) : secret.slice(24);
  const parts = [Buffer.from(secret), Buffer.from(rest), Buffer.from(rest, 'base64url')];
  if (!secret.startsWith('slk_')) parts.push(Buffer.from(secret, 'base64url').subarray(16));
  const encoded = parts.flatMap((bytes) => [
    bytes.toString('hex'),
    bytes.toString('base64').replace(/=+$/, ''),
    bytes.toString('base64url'),
  ]);
  return [rest, ...encoded, encoded[0]!.toUpperCase()];
}

/** Which of the secrets stand in a text, in whatever form. */
export function secretsIn(text: string, secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(secrets)
    .filter(([, secret]) => formsOf(secret).some((form) => text.includes(form)))
    .map(([name]) => name);
}
