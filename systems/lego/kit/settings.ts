import { z } from 'zod'

const Settings = z.object({
  /** Port on 127.0.0.1; 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65535),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** Shared with the gateway, which signs the caller's identity with it. */
  BANYAN_IDENTITY_KEY: z.string().min(16),
})

export type Settings = z.infer<typeof Settings>

/** Reads a service's settings. @throws Error that names each variable that breaks its rule. */
export function readSettings(name: string, usualPort: number, env: NodeJS.ProcessEnv): Settings {
  const parsed = Settings.safeParse({ PORT: usualPort, ...env })
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`${name}: settings are not valid: ${faults.join('; ')}`)
}
