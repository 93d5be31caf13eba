import { z } from 'zod'

export const ISSUER = 'https://auth.lego.local'
export const AUDIENCE = 'lego-api'

const Settings = z.object({
  /** Port on 127.0.0.1; 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65535).default(9900),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** Where users are kept if not there too: a MongoDB database, `mongodb://…/NAME`. Signing keys are not. */
  USERS_URL: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\/[^/]+\/[^/?]+/, 'must be "mongodb://HOST/DATABASE"')
    .optional(),
  /** Signature algorithm of new tokens. */
  ALGORITHM: z.enum(['ES256', 'RS256']).default('ES256'),
  /** How long a token is good for, s. */
  TOKEN_LIFETIME_S: z.coerce.number().int().min(1).max(86_400).default(3_600),
  /** Public keys of the services that may ask which users there are: a JSON Web Key Set, its URL, or its file. */
  BANYAN_SERVICE_KEYS: z.string().min(1).optional(),
  /** Names the installation in service tokens. */
  BANYAN_SERVICE_ISSUER: z.string().min(1).default('banyan'),
})

export type Settings = z.infer<typeof Settings>

/** Reads the settings; throws an Error that names each variable that breaks its rule. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const parsed = Settings.safeParse(env)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`auth: settings are not valid: ${faults.join('; ')}`)
}
