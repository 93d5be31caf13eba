/** What others are told to drop from clients, under its right name. */
export const IDENTITY_HEADERS = [
  ...['X-User-Id', 'X-User-Email', 'X-User-Roles', 'X-Banyan-Identity'],
] as const
