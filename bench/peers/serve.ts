/*
 * One contender as a server of its own: `node --import tsx bench/peers/serve.ts <peer> <express|fastify>`. Every
 * contender has the same two routes: POST /login/:userId, and GET /guarded, which answers { userId }.
 * Tells its parent the port when it listens.
 */
import 'reflect-metadata';
import type { INestApplication, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';
import type { PeerName } from './peer-name.js';

/** A contender: its root module, and the middleware it wants on the application. */
export interface PeerApp {
  module: Type;
  install?: (app: INestApplication) => void;
}

const peers: Record<PeerName, () => Promise<PeerApp>> = {
  'no guard': async () => (await import('./unguarded-app.js')).unguardedApp(),
  'session-ledger': async () => (await import('./ledger-app.js')).ledgerApp(),
  'JWT, string secret': async () => (await import('./jwt-app.js')).jwtApp('string'),
  'JWT, KeyObject': async () => (await import('./jwt-app.js')).jwtApp('key object'),
  'express-session, connect-pg-simple': async () => (await import('./express-session-app.js')).postgresSessionApp(),
  'express-session, connect-redis': async () => (await import('./express-session-app.js')).redisSessionApp(),
};

const [name, adapter] = process.argv.slice(2) as [PeerName, 'express' | 'fastify'];
const { module, install } = await peers[name]();
const logger = ['warn', 'error'] as const;
const app =
  adapter === 'fastify'
    ? await NestFactory.create(module, new FastifyAdapter(), { logger: [...logger] })
    : await NestFactory.create(module, { logger: [...logger] });
install?.(app);
await app.listen(0, '127.0.0.1');
process.send?.({ port: (app.getHttpServer().address() as AddressInfo).port });
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)));
// When its parent is gone, nobody would stop it.
process.once('disconnect', () => process.exit(1));
