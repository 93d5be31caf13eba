/** One JSON line for each request that a gateway answers. */
export interface AccessLogSetting {
  /**
   * Share of the requests that are logged, 0 to 1; 1 by default. Those that were refused, failed or were left by
   * their client are logged whatever it is.
   */
  readonly share?: number
  /**
   * Whether lines have the path beside the route's pattern; not by default: paths carry names of people and, in
   * links that are mailed, secrets. Queries are never logged.
   */
  readonly paths?: boolean
}
