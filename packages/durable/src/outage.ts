/**
 * Whether the database was away or the connection was lost, as opposed to a statement that was refused:
 * the work itself has not failed, and is to be done again. Class 08 and 57P of PostgreSQL's error codes,
 * what sockets answer, and the texts of pg.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && /^(08...|57P0[1-5]|25P03|53300|E[A-Z]{3,})$/.test(code))
    return true
  return /^Connection terminated|^Client has encountered a connection error|timeout exceeded when trying to connect/.test(
    error.message,
  )
}
