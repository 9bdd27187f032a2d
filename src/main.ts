import 'reflect-metadata';
import { readEnvironment } from './environment.js';
import { runService } from './main/run-service.js';

await runService(() => readEnvironment(process.env));
