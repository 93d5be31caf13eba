import { z } from 'zod'

const Settings = z.object({
  /** Port on 127.0.0.1; 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65535).default(9001),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  JWKS_URL: z.url({ protocol: /^https?$/ }),
  ISSUER: z.string().min(1).default('https://auth.lego.local'),
  AUDIENCE: z.string().min(1).default('lego-api'),
})

export type Settings = z.infer<typeof Settings>

/** Reads the settings; throws an Error that names each variable that breaks its rule. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const parsed = Settings.safeParse(env)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`lego-projects-api: settings are not valid: ${faults.join('; ')}`)
}
