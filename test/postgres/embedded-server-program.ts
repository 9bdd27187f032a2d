import { startEmbeddedPostgres } from '../../src/postgres/embedded-server.js';

/**
 * The program of a process that serves a data directory until SIGTERM: `<data directory> [user id to become]`. It tells
 * what became of it in one line of JSON. Root's rights are given up only here, when every module is loaded, so that the
 * user to become need not be able to read the checkout.
 */
async function serve(dataDir: string, userId: string | undefined): Promise<void> {
  if (userId !== undefined) {
    process.setgroups?.([]);
    process.setgid?.(Number(userId));
    process.setuid?.(Number(userId));
  }
  const keepAlive = setInterval(() => undefined, 60_000);
  process.on('SIGINT', () => undefined); // a service drains first: PostgreSQL has to be there meanwhile
  try {
    const postgres = await startEmbeddedPostgres({ dataDir });
    const url = postgres.superuserUrl('postgres');
    process.stdout.write(`${JSON.stringify({ port: postgres.port, adopted: postgres.adopted, url })}\n`);
    await new Promise((resolve) => process.once('SIGTERM', resolve));
    await postgres.stop();
  } catch (failure) {
    const { code, message } = failure as Error & { code?: string };
    process.stdout.write(`${JSON.stringify({ code, message })}\n`);
  } finally {
    clearInterval(keepAlive);
  }
}

const [dataDir = '', userId] = process.argv.slice(2);
void serve(dataDir, userId);
