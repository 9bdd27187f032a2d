import { DataSource, type DataSourceOptions } from 'typeorm';
import { resolveOptions } from '../../src/session-ledger.options.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

describe('the way to the server of the application’s own DataSource', () => {
  const urlOf = (options: Omit<PostgresOptions, 'type'>): string =>
    resolveOptions({ database: { dataSource: new DataSource({ type: 'postgres', ...options }) } }).url;

  it.each<[string, Omit<PostgresOptions, 'type'>, string]>([
    [
      'host, port, login and database',
      { host: 'db.example', port: 6432, username: 'a p', password: 'p@ss/w', database: 'bank' },
      'postgres://a%20p:p%40ss%2Fw@db.example:6432/bank',
    ],
    [
      'a host that is an IPv6 address',
      { host: '::1', username: 'app', database: 'bank' },
      'postgres://app@[::1]:5432/bank',
    ],
    [
      'TLS',
      { host: 'db', username: 'app', database: 'bank', ssl: true },
      'postgres://app@db:5432/bank?sslmode=verify-full',
    ],
    [
      'TLS that was asked of pg’s pool',
      { host: 'db', username: 'app', database: 'bank', extra: { ssl: true } },
      'postgres://app@db:5432/bank?sslmode=verify-full',
    ],
    ['a URL', { url: 'postgres://app@db/bank?sslmode=require' }, 'postgres://app@db/bank?sslmode=require'],
    ['a URL beside TLS', { url: 'postgres://app@db/bank', ssl: true }, 'postgres://app@db/bank?sslmode=verify-full'],
  ])('is taken over: %s', (_, options, url) => {
    expect(urlOf(options)).toBe(url);
  });

  it.each<[string, Omit<PostgresOptions, 'type'>, RegExp]>([
    ['the directory of a socket', { host: '/var/run/postgresql', database: 'bank' }, /socket/],
    ['a host that is none', { host: 'no host', database: 'bank' }, /a host that is none/],
    ['several servers', { replication: { master: { url: 'postgres://a@b/c' }, slaves: [] } }, /replication/],
    ['an ssl object', { host: 'db', ssl: { rejectUnauthorized: false } }, /ssl object/],
    ['an ssl object for pg’s pool', { host: 'db', extra: { ssl: { ca: 'x' } } }, /ssl object/],
    ['a password function', { host: 'db', password: () => 'secret' }, /password function/],
    ['no URL', { url: 'not a url' }, /not a URL/],
  ])('is refused where a URL cannot say it: %s', (_, options, message) => {
    expect(() => urlOf(options)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIGURATION', message: expect.stringMatching(message) }),
    );
  });
});
