import { SessionLedgerError } from '../errors.js';

/**
 * A database URL without the start-up options it carries, and those options by themselves. pg lets `options` and
 * `application_name` of a URL win over those given in code, silently; so they are taken out and put in front of ours.
 *
 * @throws SessionLedgerError ERR_CONFIGURATION for what is no URL; the text is not repeated, it holds a password.
 * @example
 * databaseAddress('postgres://u@h/db?options=-c%20geqo=off'); // { url: 'postgres://u@h/db', options: '-c geqo=off ' }
 */
export function databaseAddress(url: string): { url: string; options: string } {
  if (!URL.canParse(url)) {
    throw new SessionLedgerError(
      'ERR_CONFIGURATION',
      'the database URL is not a URL like postgres://user:password@host:5432/database',
      { field: 'url' },
    );
  }
  const parsed = new URL(url);
  const options = parsed.searchParams.get('options');
  parsed.searchParams.delete('options');
  parsed.searchParams.delete('application_name');
  return { url: parsed.toString(), options: options === null ? '' : `${options} ` };
}
