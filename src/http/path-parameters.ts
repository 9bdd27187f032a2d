/** Parameters in paths, for the description of the API. */
export const userIdParameter = {
  name: 'userId',
  description: 'Any user id, percent-encoded',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  example: 'alice',
} as const;

export const sessionIdParameter = {
  name: 'sessionId',
  description: 'The public id of a session',
  schema: { type: 'string', format: 'uuid' },
  example: '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e',
} as const;
