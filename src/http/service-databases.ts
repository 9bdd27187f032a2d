/** The writer's pool for API keys and readiness: short statements of their own. */
export const operatorDatabase = Symbol('operatorDatabase');

/** The writer's pool for openings that may be retried: each holds a connection for a whole transaction. */
export const openingDatabase = Symbol('openingDatabase');

/** The reader's pool for reports, so that long ones hold up no question. */
export const reportDatabase = Symbol('reportDatabase');
