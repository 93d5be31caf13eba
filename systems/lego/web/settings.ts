import { z } from 'zod'

const Address = z.url({ protocol: /^https?$/ })

const Settings = z.object({
  /** Port to listen on; 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65535).default(9002),
  /** Address to listen on. */
  HOST: z.string().min(1).default('127.0.0.1'),
  /** What answers `/api`: the gateway, or the monolith by itself. */
  GATEWAY_URL: Address.default('http://127.0.0.1:9000'),
  /** What signs people in. */
  AUTH_URL: Address.default('http://127.0.0.1:9900'),
})

export type Settings = z.infer<typeof Settings>

/** Reads the settings; throws an Error that names each variable that breaks its rule. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const parsed = Settings.safeParse(env)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`web: settings are not valid: ${faults.join('; ')}`)
}
