/** What Drizzle can make up before it is carried out, with `sql.placeholder('id')` for what each call gives. */
interface Preparable<Prepared> {
  prepare(name: string): Prepared
}

/**
 * For what is asked hundreds of times a second: Drizzle makes the statement up once for a database, or for a
 * connection with a transaction on it, where it otherwise does at each call. Whether the server prepares it is
 * decided as for all (docs/decisions/087).
 *
 * @example
 * const byId = madeOnce((db: Db) => db.select().from(notes).where(eq(notes.id, sql.placeholder('id'))))
 * const [note] = await byId(db).execute({ id })
 */
export function madeOnce<Db extends object, Prepared>(
  make: (db: Db) => Preparable<Prepared>,
): (db: Db) => Prepared {
  const made = new WeakMap<Db, Prepared>()
  return (db) => {
    let statement = made.get(db)
    if (statement === undefined) {
      // Without a name of its own: the pool names what comes again (`StatementNames`).
      statement = make(db).prepare('')
      made.set(db, statement)
    }
    return statement
  }
}
