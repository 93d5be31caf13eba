/** The SQLSTATE of what PostgreSQL said, also beneath what a library wrapped around it; undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  for (let inner = error; inner instanceof Object; inner = (inner as { cause?: unknown }).cause) {
    const { code, errno } = inner as { code?: unknown; errno?: unknown }
    // EPIPE of a socket looks like one.
    if (errno === undefined && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code
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
