/** A uuid that names nothing. */
export const NOBODYS = '3f2b8c1e-7d52-4f0a-9c64-1a2b3c4d5e6f'

/**
 * One request, as it is sent to both sides; `$1` stands for the id of the first thing created, and so on.
 * The user `moderator` is one; null has not signed in.
 */
export type Step = readonly [method: string, path: string, body?: unknown, user?: string | null]
