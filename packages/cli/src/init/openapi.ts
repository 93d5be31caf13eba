import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { badCommand } from '../failure.ts'
import { isPeople, wordsOf } from './nouns.ts'

/** One path of the monolith's API. */
export interface DocumentedPath {
  /** With the server's prefix, and `:name` for its parameters. */
  readonly path: string
  readonly methods: readonly string[]
  readonly tags: readonly string[]
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'] as const

const operation = z.object({ tags: z.array(z.string()).default([]) })
const document = z.object({
  servers: z.array(z.object({ url: z.string() })).default([]),
  basePath: z.string().optional(),
  paths: z.record(
    z.string().startsWith('/'),
    z.object(Object.fromEntries(METHODS.map((method) => [method, operation.optional()]))),
  ),
})

/**
 * The paths of an OpenAPI document, in JSON or YAML.
 *
 * @throws CommandError BAD_COMMAND that says what is wrong with the file
 */
export async function readOpenApi(file: string, cwd: string): Promise<DocumentedPath[]> {
  const text = await readFile(resolve(cwd, file), 'utf8').catch((error: Error) => {
    throw refused(file, error.message)
  })
  let given: unknown
  try {
    given = parse(text)
  } catch (error) {
    throw refused(file, `it is neither JSON nor YAML: ${(error as Error).message.split('\n')[0]}`)
  }
  const parsed = document.safeParse(given)
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    throw refused(file, `${path.join('.') || 'the document'}: ${message}`)
  }
  const { servers, basePath, paths } = parsed.data
  const prefix = basePath ?? prefixOf(servers[0]?.url ?? '')
  return Object.entries(paths).map(([path, operations]) => ({
    path: `${prefix.replace(/\/$/, '')}${path.replace(/\{(\w+)[^}]*\}/g, ':$1')}`,
    methods: METHODS.filter((method) => operations[method]).map((one) => one.toUpperCase()),
    tags: [...new Set(METHODS.flatMap((method) => operations[method]?.tags ?? []))],
  }))
}

function refused(file: string, reason: string): Error {
  return badCommand(
    `--openapi ${file}: ${reason}`,
    'Give the OpenAPI document of the monolith, or leave --openapi out.',
  )
}

/** The path of a server's URL, which may be relative. */
function prefixOf(url: string): string {
  return URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost').pathname : ''
}

/** Segments that say nothing of what a path is about. */
const NOTHING = /^(api|rest|v\d+(\.\d+)?|public)$/i

/** What a path is about: its segments that are no parameters, in words, the first the one that matters most. */
export function subjectsOf(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part !== '' && !part.startsWith(':') && part !== '*' && !NOTHING.test(part))
    .map((part) => wordsOf(part).join('-'))
    .filter((word) => word !== '')
}

/** What all paths of a matter begin with: `/api/notes/:id/links` with `/api/notes`; the path itself where nothing says it. */
export function headOf(path: string): string {
  const parts = path.split('/')
  const at = parts.findIndex((part) => part !== '' && !part.startsWith(':') && !NOTHING.test(part))
  return at === -1 ? path : parts.slice(0, at + 1).join('/')
}

/** A parameter that names somebody: `/users/:id`, `/…/:userId`. */
export function personIn(path: string): string | null {
  const parts = path.split('/')
  const at = parts.findIndex((part, i) => {
    if (!part.startsWith(':')) return false
    const own = wordsOf(part.slice(1)).filter((word) => word !== 'id')
    const named = own.length > 0 ? own.join('-') : wordsOf(parts[i - 1] ?? '').join('-')
    return isPeople(named)
  })
  return at === -1 ? null : parts[at]!.slice(1)
}
