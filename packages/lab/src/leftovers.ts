import pg from 'pg'

/** Everything of ours that a database can still hold. Own SQL: the checker must not believe the engine's. */
const LEFTOVERS = `
  SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database() AND slot_name ~ 'banyan'
  UNION ALL SELECT 'publication ' || pubname FROM pg_publication WHERE pubname ~ 'banyan'
  UNION ALL SELECT 'subscription ' || subname FROM pg_subscription WHERE subname ~ 'banyan'
  UNION ALL SELECT 'origin ' || roname FROM pg_replication_origin WHERE roname ~ 'banyan'
  UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname ~ 'banyan'
  UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname ~ 'banyan'
  UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger WHERE evtname ~ 'banyan'
  UNION ALL SELECT format('trigger %s on %s', tgname, tgrelid::regclass) FROM pg_trigger
    WHERE NOT tgisinternal AND (tgname ~ 'banyan' OR tgfoid::regproc::text ~ 'banyan')
  UNION ALL SELECT format('relation %s', oid::regclass) FROM pg_class
    WHERE relname ~ 'banyan' AND relnamespace::regnamespace::text !~ 'banyan|pg_toast'
  UNION ALL SELECT format('function %s', oid::regprocedure) FROM pg_proc
    WHERE proname ~ 'banyan' AND pronamespace::regnamespace::text !~ 'banyan'
  ORDER BY 1`

/** What is still there of ours in a database (and, for origins and roles, in its server), in words. */
export async function findLeftovers(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<[string]>({ text: LEFTOVERS, rowMode: 'array' })
    return rows.map(([what]) => what)
  } finally {
    await client.end()
  }
}
