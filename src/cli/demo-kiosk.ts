import { setTimeout as pause } from 'node:timers/promises';
import type { DemoService } from './demo-service.js';
import { expectShown, type DemoTranscript } from './demo-transcript.js';

interface Opened {
  readonly token: string;
  readonly session: { readonly sessionId: string; readonly createdAt: string; readonly expiresAt: string };
}

/**
 * A kiosk in another language opens a session over HTTP and forgets it; answers its id. Its policy is as short as it is
 * so that nobody has to wait for its end.
 */
export async function forgetSession(service: DemoService, transcript: DemoTranscript): Promise<string> {
  const opening = { userId: 'dora', application: 'kiosk', policy: { idleSeconds: 1, absoluteSeconds: 60 } };
  await transcript.about(
    'A kiosk opens a session over HTTP for dora, who walks away; it lapses after one idle second.',
  );
  await transcript.command(`LEDGER=${service.address} KEY=$(cat "$SESSION_LEDGER_DATA_DIR/admin-key")`);
  await transcript.command(
    `call() { curl -s -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' "$LEDGER$1" "\${@:2}"; }`,
  );
  const { token, session } = (await service.post('/v1/sessions', opening)) as Opened;
  const { sessionId, createdAt, expiresAt } = session;
  await transcript.command(
    `SESSION=$(call /v1/sessions -d '${JSON.stringify(opening)}'); jq -c '.session | {sessionId, createdAt, expiresAt}' <<<"$SESSION"`,
    JSON.stringify({ sessionId, createdAt, expiresAt }),
  );
  const idleMilliseconds = 1_500;
  await pause(idleMilliseconds);
  const used = JSON.stringify(await service.post('/v1/sessions/use', { token }));
  await transcript.command(`sleep 1.5; call /v1/sessions/use -d "$(jq -c '{token}' <<<"$SESSION")"`, used);
  expectShown('the use of a lapsed session', used, /^\{"active":false\}$/);
  return sessionId;
}
