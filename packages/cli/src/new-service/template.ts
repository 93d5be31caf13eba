import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Names } from './names.ts'
import { spellings } from './words.ts'

/** A service that works, and is tested, as it stands; its names of two words are spelled differently wherever that matters. */
const FOLDER = fileURLToPath(new URL('../../templates/service', import.meta.url))
const NAMES: Names = { service: 'back-room', thing: 'stored-thing', things: 'stored-things' }
const PORT = 9700
const EVENT = 'stored-thing.added'

export interface TemplateFile {
  /** With `/`, below the service's folder. */
  readonly path: string
  readonly text: string
}

export interface Template {
  readonly files: readonly TemplateFile[]
  /** What its code calls anything, but what is renamed. */
  readonly identifiers: ReadonlySet<string>
}

export async function readTemplate(): Promise<Template> {
  const entries = await readdir(FOLDER, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  const files = await Promise.all(
    paths.map(async (path) => ({
      path: relative(FOLDER, path).replaceAll(sep, '/'),
      text: await readFile(path, 'utf8'),
    })),
  )
  const code = files.filter(({ path }) => path.endsWith('.ts')).map(({ text }) => text)
  return { files, identifiers: identifiersOf(code.join('\n')) }
}

/** The template's files with a service's own names and port. */
export function renamed({ files }: Template, names: Names, port: number): TemplateFile[] {
  const others = new Map<string, string>([
    [EVENT, eventOf(names)],
    [String(PORT), String(port)],
  ])
  // A word that two spellings share (`back room` has none) is spelled the same in both.
  for (const one of ['service', 'thing', 'things'] as const) {
    const from = spellings(NAMES[one])
    const to = spellings(names[one])
    for (const spelling of Object.keys(from) as (keyof typeof from)[]) {
      others.set(from[spelling], to[spelling])
    }
  }
  // The longest first: `stored-things` is no `stored-thing`.
  const words = [...others.keys()].sort((a, b) => b.length - a.length)
  const any = new RegExp(words.map((word) => word.replaceAll('.', '\\.')).join('|'), 'g')
  const rename = (text: string) => text.replace(any, (word) => others.get(word)!)
  return files.map(({ path, text }) => ({ path: rename(path), text: rename(text) }))
}

/** Types are unique in the whole system: a noun that does not name the service needs its name before it. */
function eventOf({ service, thing, things }: Names): string {
  return [thing, things].includes(service) ? `${thing}.added` : `${service}.${thing}.added`
}

function identifiersOf(code: string): Set<string> {
  const bare = code
    .replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, ' ')
    .replace(/'[^'\n]*'/g, ' ')
    // What follows a dot is a member, which stands in nobody's way.
    .replace(/\.[A-Za-z_$][\w$]*/g, ' ')
  const own = Object.values(NAMES).flatMap((name) => Object.values(spellings(name)))
  const found = bare.match(/[A-Za-z_$][\w$]*/g) ?? []
  return new Set(found.filter((word) => !own.includes(word)))
}
