import { parseArgs } from 'node:util';

/**
 * Reads `--name number` options of the command line.
 *
 * @param defaults names (as on the command line) with what holds when one is left out.
 * @throws for an option that is not in `defaults` or is not a number above zero.
 * @example
 * const { seconds } = numberOptions({ seconds: 3 }); // --seconds 10
 */
export function numberOptions<Name extends string>(defaults: Record<Name, number>): Record<Name, number> {
  const names = Object.keys(defaults) as Name[];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ options });
  return Object.fromEntries(
    names.map((name) => {
      const text = values[name];
      const value = text === undefined ? defaults[name] : Number(text);
      if (!(value > 0)) throw new RangeError(`--${name} needs a number above zero, not ${String(text)}`);
      return [name, value];
    }),
  ) as Record<Name, number>;
}
