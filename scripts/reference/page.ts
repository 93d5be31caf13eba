import { boundsOf, defaultOf, optionOf, type Schema } from './schema.ts'
import type { ChoiceShape, Key, ObjectShape, Shape } from './types.ts'

/** Keys that so many of a choice's members share stand in a table of their own. */
const SHARED = 3

interface Place {
  readonly path: string
  readonly shape: Shape
  readonly schema: Schema | undefined
}

/** A type with a heading of its own. */
export interface Section {
  readonly title: string
  /** Where it stands in what is described, the first first. */
  readonly places: readonly string[]
  readonly text: string
}

/**
 * An object type as tables, one for each type below it, in the order they are met: every key with its type,
 * default, bounds and meaning.
 *
 * @param defaults of keys whose schema has none, by path.
 * @throws Error naming the keys that say nothing of themselves.
 */
export function tablesOf(
  root: ObjectShape,
  schema: Schema,
  defaults: ReadonlyMap<string, string> = new Map(),
): Section[] {
  const queue: Place[] = [{ path: '', shape: root, schema }]
  const sections = new Map<string, { readonly places: string[]; readonly text: string }>()
  const silent: string[] = []

  for (let place = queue.shift(); place; place = queue.shift()) {
    const { path, shape, schema } = place
    if (shape.is === 'list') {
      queue.unshift({ path: `${path}[]`, shape: shape.of, schema: schema?.items })
    } else if (shape.is === 'record') {
      const below = schema?.additionalProperties
      const inner = typeof below === 'object' ? below : undefined
      queue.unshift({ path: `${path}.*`, shape: shape.of, schema: inner })
    } else if (shape.is === 'choice') addChoice(path, shape, schema)
    else if (shape.is === 'object') addObject(path, shape, schema)
  }
  if (silent.length > 0) throw new Error(`nothing is said of ${silent.join(', ')}`)
  return [...sections.entries()].map(([title, { places, text }]) => ({
    title,
    places,
    text: sectionText(title, places, text),
  }))

  function addObject(path: string, shape: ObjectShape, schema: Schema | undefined): void {
    const title = shape.name ?? path
    if (isKnown(title, path)) return
    const option = optionFor(schema, shape)
    const rows = rowsOf(path, shape.keys, option)
    sections.set(title, { places: [path], text: said(shape.meaning) + table(rows) })
  }

  /** A type that is met again is told once, with all its places. */
  function isKnown(title: string, path: string): boolean {
    const known = sections.get(title)
    if (known && !known.places.includes(path)) known.places.push(path)
    return known !== undefined
  }

  function addChoice(
    path: string,
    { name, of, meaning }: ChoiceShape,
    schema: Schema | undefined,
  ): void {
    const objects = of.filter((one): one is ObjectShape => one.is === 'object')
    const lists = of.filter(({ is }) => is === 'list' || is === 'record')
    queue.unshift(...lists.map((one) => ({ path, shape: one, schema })))
    const [only] = objects
    if (objects.length === 1) addObject(path, only!, schema)
    if (objects.length < 2 || isKnown(name ?? path, path)) return
    const shared = sharedBy(objects)
    const parts = objects.map((one) => {
      const option = optionFor(schema, one)
      const own = one.keys.filter(({ name, type }) => !shared.includes(name) && !isConstant(type))
      const rows = rowsOf(path, own, option)
      return `**${nameOf(one)}**\n\n${said(one.meaning)}${rows.length > 0 ? table(rows) : ''}`
    })
    if (shared.length > 0) {
      const [first] = objects
      const option = optionFor(schema, first!)
      const keys = first!.keys.filter(({ name }) => shared.includes(name))
      parts.unshift(`**All of them**\n\n${table(rowsOf(path, keys, option))}`)
    }
    sections.set(name ?? path, { places: [path], text: said(meaning) + parts.join('\n') })
  }

  function rowsOf(path: string, keys: readonly Key[], schema: Schema | undefined): string[] {
    const below: Place[] = []
    const rows = keys.map((key) => {
      const here = path === '' ? key.name : `${path}.${key.name}`
      const inner = schema?.properties?.[key.name]
      const meaning = key.meaning || meaningOf(key.type)
      if (meaning === '' && !isConstant(key.type)) silent.push(here)
      below.push({ path: here, shape: key.type, schema: inner })
      const cells = [
        `\`${key.name}\`${key.optional ? '' : ' *'}`,
        typeOf(key.type, here),
        defaultOf(inner) || (defaults.get(here) ?? ''),
        boundsOf(inner),
        pointed(meaning),
      ]
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
    })
    queue.unshift(...below)
    return rows
  }
}

function optionFor(schema: Schema | undefined, { keys }: ObjectShape): Schema | undefined {
  return optionOf(
    schema,
    keys.map(({ name }) => name),
  )
}

function sectionText(title: string, places: readonly string[], text: string): string {
  if (places.includes('')) return text
  const at = title === places[0] ? '' : `At ${places.map((one) => `\`${one}\``).join(', ')}. `
  return `## ${title === places[0] ? `\`${title}\`` : title}\n\n${at}${text}`
}

function said(meaning: string): string {
  return meaning === '' ? '' : `${pointed(meaning)}\n\n`
}

/** A page that a comment names, as a link from docs/reference. */
function pointed(meaning: string): string {
  return meaning.replace(/\bdocs\/([\w/-]+\.md)/g, '[$1](../$1)')
}

function table(rows: readonly string[]): string {
  return `| key | type | default | bounds | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`
}

/** Keys that all members have, of the same type. */
function sharedBy(members: readonly ObjectShape[]): string[] {
  const [first, ...others] = members
  const shared = first!.keys.filter((key) =>
    others.every(({ keys }) =>
      keys.some((one) => one.name === key.name && JSON.stringify(one) === JSON.stringify(key)),
    ),
  )
  return shared.length < SHARED ? [] : shared.map(({ name }) => name)
}

/** A member of a choice, by what tells it from the others. */
function nameOf({ keys }: ObjectShape): string {
  const constant = keys.find(({ type }) => isConstant(type))
  if (constant) return `\`${constant.name}: ${typeOf(constant.type, '').replaceAll('`', '')}\``
  return keys
    .filter(({ optional }) => !optional)
    .map(({ name }) => `\`${name}\``)
    .join(', ')
}

function isConstant(shape: Shape): boolean {
  return shape.is === 'text' && /^'[^']*'$/.test(shape.text)
}

function meaningOf(shape: Shape): string {
  if (shape.is === 'list' || shape.is === 'record') return meaningOf(shape.of)
  return shape.is === 'text' ? '' : shape.meaning
}

function typeOf(shape: Shape, path: string): string {
  switch (shape.is) {
    case 'text':
      return shape.text.startsWith('(')
        ? 'function'
        : shape.text.includes("'")
          ? `\`${shape.text}\``
          : shape.text
    case 'list':
      return `list of ${typeOf(shape.of, `${path}[]`)}`
    case 'record':
      return `${typeOf(shape.of, `${path}.*`)} by name`
    case 'choice':
      return shape.of.some(({ is }) => is !== 'object')
        ? shape.of.map((one) => typeOf(one, path)).join(' or ')
        : linked(shape.name ?? path)
    case 'object':
      return linked(shape.name ?? path)
  }
}

function linked(title: string): string {
  return `[${title}](#${anchorOf(title)})`
}

/** As GitHub makes one of a heading. */
export function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-')
}
