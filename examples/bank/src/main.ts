import 'reflect-metadata';
import { ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { BankModule } from './bank.module.js';

const bank = await NestFactory.create<NestExpressApplication>(BankModule, { logger: ['warn', 'error'] });
bank.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }));
bank.enableShutdownHooks();
await bank.listen(process.env['PORT'] ?? 3001, '127.0.0.1');
console.log(`The bank is open at ${await bank.getUrl()}`);
