/** What PostgreSQL said, as `pg` has it. */
interface Said {
  readonly code: string
  /** The function of the server that said it. */
  readonly routine?: unknown
}

/** The SQLSTATE of what PostgreSQL said, also beneath what a library wrapped around it; undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  return said(error)?.code
}

function said(error: unknown): Said | undefined {
  for (let inner = error; inner instanceof Object; inner = (inner as { cause?: unknown }).cause) {
    const { code, errno } = inner as { code?: unknown; errno?: unknown }
    // EPIPE of a socket looks like one.
    if (errno === undefined && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) {
      return inner as Said
    }
  }
  return undefined
}

/**
 * Whether a SQLSTATE means that the session is over or never began, so that it says nothing about the
 * statement: a connection that failed (08), a server that shuts down, starts or ends the session (57P),
 * a process that stood still within a transaction for longer than the server waits (25P03, 25P04).
 */
export function endsSession(state: string): boolean {
  return /^(08|57P|25P0[34])/.test(state)
}

/**
 * Whether a prepared statement was refused before it was carried out, as what it answers has changed since (a
 * migration of its table), or as the session does not know it any more (`DISCARD`, `DEALLOCATE`).
 */
export function planIsOutdated(error: unknown): boolean {
  const { code, routine } = said(error) ?? {}
  return code === '26000' || (code === '0A000' && routine === 'RevalidateCachedQuery')
}
