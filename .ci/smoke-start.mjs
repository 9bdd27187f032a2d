// Starts the built service as a newcomer would, runs the three lines it prints, stops it, and starts it again.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const readyWithinSeconds = 90;
const stoppedWithinSeconds = 30;

const dataDirectory = mkdtempSync(path.join(tmpdir(), 'session-ledger-smoke-'));
try {
  const port = await freePort();
  const first = await start(port);
  let pasted;
  try {
    pasted = runPrintedLines(first.printed());
  } finally {
    await stop(first);
  }
  if (!pasted.includes('"logged_in"')) throw new Error(`the three lines did not end in an answer:\n${pasted}`);
  await stop(await start(port));
  console.log(`${first.printed()}\n${pasted}`);
} finally {
  rmSync(dataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

async function start(port) {
  const said = [];
  const service = spawn('npm', ['start', '--silent'], {
    env: { ...process.env, PORT: String(port), SESSION_LEDGER_DATA_DIR: dataDirectory, DATABASE_URL: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [service.stdout, service.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
  const printed = () => said.join('');
  for (let second = 0; second < readyWithinSeconds; second += 1) {
    if (service.exitCode !== null) throw new Error(`the service ended with ${service.exitCode}:\n${printed()}`);
    // It answers a moment before it has printed what a newcomer waits for.
    if (printed().includes('Session Ledger listens on') && (await isReady(port))) return { service, printed };
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  service.kill('SIGTERM');
  throw new Error(`not ready after ${readyWithinSeconds} s:\n${printed()}`);
}

async function isReady(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok;
  } catch {
    return false; // nothing listens yet; the caller gives up with what the service said
  }
}

/** The lines are for a shell, as they stand: one may keep the token that the next one needs. */
function runPrintedLines(printed) {
  const lines = printed.split('\n').filter((line) => line.includes('curl '));
  if (lines.length !== 3)
    throw new Error(`three lines to paste were expected, ${lines.length} were printed:\n${printed}`);
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-o', 'pipefail', '-c', lines.join('\n')], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`a printed line failed:\n${stdout}${stderr}`);
  return stdout;
}

async function stop({ service, printed }) {
  const exited = new Promise((resolve) => service.once('exit', resolve));
  const late = setTimeout(() => service.kill('SIGKILL'), stoppedWithinSeconds * 1000);
  service.kill('SIGTERM');
  const status = await exited;
  clearTimeout(late);
  if (status !== 0) throw new Error(`SIGTERM ended the service with ${status} instead of 0:\n${printed()}`);
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
