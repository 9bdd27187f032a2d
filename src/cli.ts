#!/usr/bin/env node
import 'reflect-metadata';
import { Command } from 'commander';
import { apiKeyCommand } from './cli/api-key.js';
import { checkCommand } from './cli/check.js';
import type { Surroundings } from './cli/command.js';
import { demoCommand } from './cli/demo.js';
import { exitCodeOf } from './cli/failure.js';
import { gapCommand } from './cli/gap.js';
import { historyCommand } from './cli/history.js';
import { migrateCommand } from './cli/migrate.js';
import { rebuildCommand } from './cli/rebuild.js';
import { reportCommand } from './cli/report.js';
import { revokeCommand } from './cli/revoke.js';
import { sealCommand } from './cli/seal.js';
import { serveCommand } from './cli/serve.js';
import { sessionsCommand } from './cli/sessions.js';
import { endWithItsReader, printed } from './cli/standard-output.js';
import { verifyCommand } from './cli/verify.js';
import { wasLoggedInCommand } from './cli/was-logged-in.js';
import { whoWasLoggedInCommand } from './cli/who-was-logged-in.js';

endWithItsReader();

const surroundings: Surroundings = {
  variables: process.env,
  print: printed,
  remark: (text) => process.stderr.write(`${text}\n`),
};

const program = new Command('session-ledger')
  .description('Login sessions on an append-only ledger, and who was logged in when')
  .exitOverride()
  .addCommand(serveCommand())
  .addCommand(migrateCommand(surroundings))
  .addCommand(wasLoggedInCommand(surroundings))
  .addCommand(whoWasLoggedInCommand(surroundings))
  .addCommand(sessionsCommand(surroundings))
  .addCommand(historyCommand(surroundings))
  .addCommand(checkCommand(surroundings))
  .addCommand(reportCommand(surroundings))
  .addCommand(revokeCommand(surroundings))
  .addCommand(rebuildCommand(surroundings))
  .addCommand(apiKeyCommand(surroundings))
  .addCommand(gapCommand(surroundings))
  .addCommand(sealCommand(surroundings))
  .addCommand(verifyCommand(surroundings))
  .addCommand(demoCommand(surroundings));

try {
  await program.parseAsync();
} catch (failure) {
  process.exitCode = exitCodeOf(failure, surroundings.remark);
}
