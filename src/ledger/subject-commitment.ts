/**
 * The commitment to a user (commitment.ts) as an expression over a row of `subject`, in the hex of an opening's
 * `detail ->> 'subjectCommitment'`: whoever reads a name from that row sees by it whether the opening was recorded for this user. Null
 * where the salt is: an erased row says nothing, and contradicts nothing.
 *
 * `to_json` writes the text of a realm or a user id as RFC 8785 does. Made here and not in this process, it costs a question no salt
 * sent to and fro.
 *
 * @param subject the name that the row has in the statement.
 */
export function subjectCommitment(subject: 's' | 'u'): string {
  return `encode(sha256(${subject}.salt || convert_to('{"realm":' || to_json(${subject}.realm)::text || ',"userId":' || to_json(${subject}.user_id)::text || '}', 'UTF8')), 'hex')`;
}
