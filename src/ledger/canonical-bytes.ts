/**
 * The canonical bytes of an event (canonical-event.ts) as an expression over a row `e`, to be hashed where the row lies: read and
 * hashed here, a row costs this process 12 to 17 microseconds in which it does nothing else.
 *
 * These bytes confirm and never accuse. Two different rows never have the same, so a row whose bytes are those that were sealed is the
 * row that was sealed. A row whose bytes differ may be one that is written another way here (a detail nested deeper than a policy, a
 * number such as 1.0); what it is say the bytes of canonical-event.ts. Null for a row with an instant before the year 1, which `to_char` would
 * write like one after it.
 */
export const canonicalBytes = `
CASE WHEN least(e.occurred_at, e.recorded_at, e.expires_at, e.absolute_expires_at) >= '0001-01-01T00:00:00Z' THEN convert_to(concat(
  '{', '"absoluteExpiresAt":"' || session_ledger.rfc3339(e.absolute_expires_at) || '",', '"actorId":"' || e.actor_id || '",',
  '"application":' || to_json(e.application)::text || ',', '"bucket":', e.bucket, ',', '"clientId":"' || e.client_id || '",',
  '"detail":' || CASE WHEN jsonb_typeof(e.detail) = 'object' THEN '{' || coalesce((
    SELECT string_agg(to_json(d.key)::text || ':' || CASE jsonb_typeof(d.value)
             WHEN 'array' THEN '[' || coalesce((
               SELECT string_agg(a.value::text, ',' ORDER BY a.n) FROM jsonb_array_elements(d.value) WITH ORDINALITY AS a(value, n)), '') || ']'
             WHEN 'object' THEN '{' || coalesce((
               SELECT string_agg(to_json(o.key)::text || ':' || o.value::text, ',' ORDER BY o.key COLLATE "C") FROM jsonb_each(d.value) o), '') || '}'
             ELSE d.value::text END, ',' ORDER BY d.key COLLATE "C") FROM jsonb_each(e.detail) d), '') || '}' ELSE e.detail::text END || ',',
  '"expiresAt":"' || session_ledger.rfc3339(e.expires_at) || '",', '"idleSeconds":' || e.idle_seconds || ',', '"kind":', to_json(e.kind)::text,
  ',"occurredAt":"', session_ledger.rfc3339(e.occurred_at), '",', '"reason":' || to_json(e.reason)::text || ',',
  '"recordedAt":"', session_ledger.rfc3339(e.recorded_at), '","recordedBy":', e.recorded_by, ',',
  '"secretDigest":"' || encode(e.secret_digest, 'hex') || '",', '"seq":"', e.seq, '",', '"sessionId":"' || e.session_id || '",',
  '"sessionSeq":' || e.session_seq || ',', '"subjectId":"' || e.subject_id || '",', '"v":1}'), 'UTF8') END`;
