/**
 * Carries which service calls: a JWT beside the user's signed identity, so that a call on a user's behalf
 * says both. Not `Authorization`, which is the user's own token and is not sent on.
 */
export const SERVICE_TOKEN_HEADER = 'x-banyan-service-token'

/** Bounds of a service token's life, s: shorter asks for a clock nobody has, longer outlives a leak. */
export const SERVICE_TOKEN_LIFETIME_S = { least: 60, most: 300 } as const

/** Paths below this are for services alone: a request without a service token is refused. */
export const INTERNAL_PREFIX = '/internal'
