/**
 * All that the server and initdb learn of our environment. PGDATA, PGOPTIONS and the like would change what they do,
 * secrets such as DATABASE_URL are none of theirs, and their messages are read here, so they come in one language.
 */
export const serverEnvironment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
