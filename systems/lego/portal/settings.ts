import { z } from 'zod'

/** Where the services answer on one machine (docs/ports.md). */
const USUAL = [
  ...['moc=http://127.0.0.1:9100', 'gallery=http://127.0.0.1:9200'],
  ...['profile=http://127.0.0.1:9300', 'wishlist=http://127.0.0.1:9400'],
  ...['processing=http://127.0.0.1:9500', 'inventory=http://127.0.0.1:9600'],
  ...['search=http://127.0.0.1:9700', 'storage=http://127.0.0.1:9800'],
].join()

/** More are more than one page is for. */
const MOST_SERVICES = 50

const Named = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}=https?:\/\/[^\s]+$/, 'must be "name=http://host:port", with commas')
  .transform((text) => {
    const at = text.indexOf('=')
    return { name: text.slice(0, at), url: text.slice(at + 1).replace(/\/+$/, '') }
  })

const Settings = z.object({
  /** Port to listen on; 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65535).default(9970),
  /** Address to listen on. */
  HOST: z.string().min(1).default('127.0.0.1'),
  /** Whose documents are listed, in this order: `name=URL`, with commas. */
  SERVICES: z
    .string()
    .default(USUAL)
    .transform((text) => text.split(',').map((one) => one.trim()))
    .pipe(z.array(Named).min(1).max(MOST_SERVICES))
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
      error: 'names a service twice',
    }),
})

export type Settings = z.infer<typeof Settings>

/** @throws Error that names each variable that breaks its rule */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const parsed = Settings.safeParse(env)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`portal: settings are not valid: ${faults.join('; ')}`)
}
