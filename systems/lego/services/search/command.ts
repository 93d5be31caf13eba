/**
 * The settings of a command that works on Search's database; ends the process, naming what is missing.
 * `feeds` as the service has it: OPENSEARCH_URL is set.
 */
export function readCommandSettings<const N extends string>(
  command: string,
  names: readonly N[],
): Record<N, string> & { feeds: boolean } {
  const missing = names.filter((name) => !process.env[name])
  if (missing.length > 0) {
    console.error(`${command}: ${missing.join(' and ')} must be set`)
    process.exit(1)
  }
  const given = Object.fromEntries(names.map((name) => [name, process.env[name]]))
  return { ...(given as Record<N, string>), feeds: Boolean(process.env.OPENSEARCH_URL) }
}
