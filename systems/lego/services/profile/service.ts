/** What the Profile Service is called, and where it listens. It depends on no other service. */
export const NAME = 'profile'
export const PORT = 9300
