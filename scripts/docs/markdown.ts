import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '../..')

/** A page of the documentation. */
export interface Page {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

/** README.md, everything below docs/, and the READMEs of the packages and systems. */
export function pages(): Page[] {
  const below = (folder: string) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile() && one.name.endsWith('.md'))
      .map((one) => relative(ROOT, join(one.parentPath, one.name)))
      .filter((path) => !path.includes('node_modules'))
  const found = ['README.md', 'CONTRIBUTING.md', ...below('docs')]
  const readmes = [...below('packages'), ...below('systems')]
  return [...found, ...readmes.filter((path) => path.endsWith('README.md'))].map((path) => ({
    path,
    text: readFileSync(join(ROOT, path), 'utf8'),
  }))
}

/** A Markdown text without what stands between fences and in `code`; its lines stay where they are. */
export function proseOf(markdown: string): string {
  const withoutFences = markdown.replace(/^( *)(```|~~~)[\s\S]*?^\1\2$/gm, blank)
  return withoutFences.replace(/`[^`\n]+`/g, blank)
}

/** The anchors that GitHub gives the headings of a page, and those that it sets itself. */
export function anchorsOf(markdown: string): Set<string> {
  const seen = new Map<string, number>()
  const withoutFences = markdown.replace(/^( *)(```|~~~)[\s\S]*?^\1\2$/gm, blank)
  const anchors = [...withoutFences.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading]) => {
    const slug = slugOf(heading!)
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    return times === 0 ? slug : `${slug}-${times}`
  })
  const own = [...withoutFences.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, name]) => name!)
  return new Set([...anchors, ...own])
}

/** As GitHub does it: lower case, links by their text, no punctuation, a dash for each blank. */
export function slugOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
    .replace(/ /g, '-')
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
