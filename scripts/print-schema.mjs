/*
 * The ledger's schema as SQL for people to read, from the catalog of a migrated database: what a DBA would get from
 * pg_dump --schema-only, whose program does not come with the embedded PostgreSQL. Same schema, same text: everything
 * is ordered by name. Monthly partitions are left out, since they depend on the day.
 */

/** @returns {Promise<string>} SQL of the schema session_ledger. `client` is a connected pg client. */
export async function printSchema(client) {
  // The catalog qualifies names that are not on the search path: with an empty one, every name comes out in full.
  await client.query('SET search_path = pg_catalog');
  const parts = [
    await printSchemaGrants(client),
    await printTypes(client),
    await printSequences(client),
    ...(await printTables(client)),
    ...(await printFunctions(client)),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

async function printSchemaGrants(client) {
  const { rows } = await client.query(`
    SELECT a.privilege_type AS privilege, pg_get_userbyid(a.grantee) AS grantee
      FROM pg_namespace n, aclexplode(n.nspacl) a
     WHERE n.nspname = 'session_ledger' AND a.grantee <> n.nspowner ORDER BY 1, 2`);
  const grants = rows.map(({ privilege, grantee }) => `GRANT ${privilege} ON SCHEMA session_ledger TO ${grantee};`);
  return ['CREATE SCHEMA session_ledger;', ...grants].join('\n');
}

async function printTypes(client) {
  const { rows } = await client.query(`
    SELECT t.oid::regtype::text AS name, obj_description(t.oid, 'pg_type') AS comment,
           string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) AS fields
      FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c' JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE t.typnamespace = 'session_ledger'::regnamespace GROUP BY t.oid ORDER BY 1`);
  return rows
    .map(({ name, fields, comment }) => `CREATE TYPE ${name} AS (${fields});${commentOn('TYPE', name, comment)}`)
    .join('\n\n');
}

async function printSequences(client) {
  const { rows } = await client.query(`
    SELECT c.oid, c.oid::regclass::text AS name, format_type(s.seqtypid, NULL) AS type, s.seqincrement AS increment,
           s.seqmin AS least, s.seqstart AS start, obj_description(c.oid, 'pg_class') AS comment
      FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
     WHERE c.relnamespace = 'session_ledger'::regnamespace
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('i', 'a'))
     ORDER BY 2`);
  const printed = [];
  for (const { oid, name, type, increment, least, start, comment } of rows) {
    const numbers = `INCREMENT BY ${increment} MINVALUE ${least} START ${start}`;
    const grants = await grantsOn(client, oid, `SEQUENCE ${name}`);
    printed.push(`CREATE SEQUENCE ${name} AS ${type} ${numbers};${commentOn('SEQUENCE', name, comment)}${grants}`);
  }
  return printed.join('\n\n');
}

async function printTables(client) {
  const { rows } = await client.query(`
    SELECT c.oid, c.oid::regclass::text AS name, pg_get_partkeydef(c.oid) AS key, c.reloptions AS options,
           c.relispartition AS is_partition, pg_get_expr(c.relpartbound, c.oid) AS bounds, obj_description(c.oid, 'pg_class') AS comment
      FROM pg_class c
     WHERE c.relnamespace = 'session_ledger'::regnamespace AND c.relkind IN ('r', 'p')
       AND (NOT c.relispartition OR pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')
     ORDER BY c.relname`);
  const printed = [];
  for (const table of rows) printed.push(await printTable(client, table));
  return printed;
}

async function printTable(client, table) {
  const { oid, name, key, options, comment } = table;
  const columns = await columnsOf(client, oid);
  const lines = [...columns.map(printColumn), ...(await constraintsOf(client, oid))].map((line) => `  ${line}`);
  const tail = `${key === null ? '' : ` PARTITION BY ${key}`}${options === null ? '' : ` WITH (${options.join(', ')})`}`;
  const create = table.is_partition
    ? `CREATE TABLE ${name} PARTITION OF session_ledger.event ${table.bounds};`
    : `CREATE TABLE ${name} (\n${lines.join(',\n')}\n)${tail};`;
  const columnComments = columns
    .map((column) => commentOn('COLUMN', `${name}.${column.name}`, column.comment))
    .join('');
  // Indexes of a partition come with its parent's.
  const indexes = table.is_partition ? '' : await indexesOf(client, oid);
  const triggers = await triggersOn(client, oid, name);
  const grants = `${await grantsOn(client, oid, name)}${await columnGrantsOn(client, oid, name)}`;
  return `${create}${commentOn('TABLE', name, comment)}${columnComments}${indexes}${triggers}${grants}`;
}

async function columnsOf(client, table) {
  const { rows } = await client.query(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, a.attidentity AS identity,
            pg_get_expr(d.adbin, d.adrelid) AS preset, col_description(a.attrelid, a.attnum) AS comment,
            CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation
       FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [table],
  );
  return rows;
}

function printColumn({ name, type, collation, preset, identity, required }) {
  const identities = { a: ' GENERATED ALWAYS AS IDENTITY', d: ' GENERATED BY DEFAULT AS IDENTITY', '': '' };
  const collate = collation === null ? '' : ` COLLATE ${collation}`;
  return `${name} ${type}${collate}${identities[identity]}${preset === null ? '' : ` DEFAULT ${preset}`}${required ? ' NOT NULL' : ''}`;
}

async function constraintsOf(client, table) {
  // PostgreSQL 18 lists NOT NULL as constraints too; the columns already say it.
  const { rows } = await client.query(
    `SELECT format('CONSTRAINT %I %s', conname, pg_get_constraintdef(oid, true)) AS line FROM pg_constraint
      WHERE conrelid = $1 AND contype NOT IN ('n', 't') ORDER BY contype DESC, conname`,
    [table],
  );
  return rows.map(({ line }) => line);
}

async function indexesOf(client, table) {
  const { rows } = await client.query(
    `SELECT pg_get_indexdef(i.indexrelid) AS line FROM pg_index i
      WHERE i.indrelid = $1 AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid) ORDER BY 1`,
    [table],
  );
  return rows.map(({ line }) => `\n${line.replace(' ON ONLY ', ' ON ')};`).join('');
}

async function triggersOn(client, table, name) {
  const { rows } = await client.query(
    `SELECT pg_get_triggerdef(oid) AS line, tgname AS name, tgenabled = 'A' AS always FROM pg_trigger
      WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY tgname`,
    [table],
  );
  return rows
    .map(
      (trigger) =>
        `\n${trigger.line};${trigger.always ? `\nALTER TABLE ${name} ENABLE ALWAYS TRIGGER ${trigger.name};` : ''}`,
    )
    .join('');
}

async function grantsOn(client, relation, name) {
  const { rows } = await client.query(
    `SELECT string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS privileges, pg_get_userbyid(a.grantee) AS grantee
       FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $1 AND a.grantee <> c.relowner GROUP BY a.grantee ORDER BY 2`,
    [relation],
  );
  return rows.map(({ privileges, grantee }) => `\nGRANT ${privileges} ON ${name} TO ${grantee};`).join('');
}

async function columnGrantsOn(client, table, name) {
  const { rows } = await client.query(
    `SELECT a.privilege_type AS privilege, string_agg(c.attname, ', ' ORDER BY c.attnum) AS columns, pg_get_userbyid(a.grantee) AS grantee
       FROM pg_attribute c, aclexplode(c.attacl) a WHERE c.attrelid = $1 AND c.attnum > 0
      GROUP BY a.privilege_type, a.grantee ORDER BY 3, 1`,
    [table],
  );
  return rows
    .map(({ privilege, columns, grantee }) => `\nGRANT ${privilege} (${columns}) ON ${name} TO ${grantee};`)
    .join('');
}

async function printFunctions(client) {
  const { rows } = await client.query(`
    SELECT p.oid::regprocedure::text AS signature, pg_get_functiondef(p.oid) AS definition, obj_description(p.oid, 'pg_proc') AS comment,
           (SELECT string_agg(CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END, ', ' ORDER BY a.grantee::regrole::text)
              FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner) AS grantees
      FROM pg_proc p WHERE p.pronamespace = 'session_ledger'::regnamespace ORDER BY 1`);
  return rows.map(({ signature, definition, comment, grantees }) => {
    const grants = grantees === null ? '' : `\nGRANT EXECUTE ON FUNCTION ${signature} TO ${grantees};`;
    return `${definition.trimEnd()};${commentOn('FUNCTION', signature, comment)}${grants}`;
  });
}

function commentOn(kind, name, comment) {
  return comment === null ? '' : `\nCOMMENT ON ${kind} ${name} IS '${comment.replaceAll("'", "''")}';`;
}
