import { z } from 'zod'

const httpUrl = z.url({ protocol: /^https?$/ })

/** Port on 127.0.0.1; 0 takes a free one. */
const PORT = z.coerce.number().int().min(0).max(65535).default(9001)

const Settings = z
  .object({
    PORT,
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
    JWKS_URL: httpUrl,
    ISSUER: z.string().min(1).default('https://auth.lego.local'),
    AUDIENCE: z.string().min(1).default('lego-api'),
    /** Where users' own files are kept; made with the first one. */
    FILES_FOLDER: z.string().startsWith('/').default('/var/lib/lego/files'),
    /** The File Storage Service; files are kept here alone where it is not set. */
    STORAGE_URL: httpUrl.optional(),
    /** The File Processing Service; parts lists are read here alone where it is not set. */
    PROCESSING_URL: httpUrl.optional(),
    /** For Processing to read a list, ms; then it is read here. */
    PROCESSING_WAIT_MS: z.coerce.number().int().min(1).max(60_000).default(5_000),
    /** Says to them who asks: a private JSON Web Key (ES256) with its `kid`. */
    SERVICE_KEY: z.string().optional(),
    SERVICE_ISSUER: z.string().min(1).default('banyan'),
  })
  .refine(
    ({ STORAGE_URL, PROCESSING_URL, SERVICE_KEY }) =>
      SERVICE_KEY !== undefined || (STORAGE_URL ?? PROCESSING_URL) === undefined,
    { path: ['SERVICE_KEY'], error: 'must be set where STORAGE_URL or PROCESSING_URL is' },
  )

export type Settings = z.infer<typeof Settings>

/** `RETIRED=true`: everything has moved out of it, and it needs neither database nor keys any more. */
const Retired = z.object({ PORT })

/** Where to listen, when all that is left to do is to say so; null while there is work. */
export function readRetired(env: NodeJS.ProcessEnv): { readonly PORT: number } | null {
  const given = env.RETIRED ?? 'false'
  if (given === 'false') return null
  if (given === 'true') return readSettings(env, Retired)
  throw new Error(`lego-projects-api: RETIRED is "${given}"; allowed are true and false`)
}

/** Reads the settings; throws an Error that names each variable that breaks its rule. */
export function readSettings(env: NodeJS.ProcessEnv): Settings
export function readSettings<T>(env: NodeJS.ProcessEnv, schema: z.ZodType<T>): T
export function readSettings(env: NodeJS.ProcessEnv, schema: z.ZodType = Settings): unknown {
  const parsed = schema.safeParse(env)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`lego-projects-api: settings are not valid: ${faults.join('; ')}`)
}
