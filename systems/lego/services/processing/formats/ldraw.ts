import { type Entries, type Entry, lineOf, problemOf } from './entry.ts'
import { textLines } from './lines.ts'
import { PartListRefused } from './refusal.ts'
import { MAX_QUANTITY, readColour, readText } from './values.ts'

/** A model has no more distinct (submodel, part, colour) than this. */
const MAX_REFERENCES = 200_000
/** Steps of counting; a model that reuses submodels in many colours needs the most. */
const MAX_STEPS = 1_000_000
/** LDraw's "the colour of whatever this is part of". */
const INHERITED = 16

interface Reference {
  readonly line: number
  readonly colour: number
  readonly name: string
  count: number
}

/** References of each submodel, by `colour name`. */
type Model = Map<string, Reference>

/**
 * LDraw models, also of several files in one (MPD): counts the parts of the first, submodels as often
 * as they are used, in the colours they are used in.
 *
 * @throws PartListRefused BAD_MODEL
 */
export async function* readLdraw(text: AsyncIterable<string>): Entries {
  const { models, problems } = await readModels(text)
  const [main] = models.keys()
  if (main === undefined) throw new PartListRefused('BAD_MODEL', 'The model has no lines')
  const entries: Entry[] = [...problems]
  for (const [name, counts] of countAll(models, main)) {
    for (const [colour, { quantity, line }] of counts) {
      if (quantity > MAX_QUANTITY) throw tooBig(line)
      // A submodel of another file: its parts are not here to be counted.
      if (/\.(ldr|mpd)$/i.test(name) || !name.toLowerCase().endsWith('.dat')) {
        const message = `The submodel "${name}" is not in the file`
        entries.push({ kind: 'problem', line, code: 'MISSING_SUBMODEL', message })
        continue
      }
      const ids = { ldraw: name.slice(0, -'.dat'.length) }
      const own = colour === INHERITED ? null : ({ system: 'ldraw', id: colour } as const)
      entries.push(lineOf({ line, ids, colour: own, quantity }))
    }
  }
  yield entries
}

async function readModels(text: AsyncIterable<string>) {
  const models = new Map<string, Model>()
  const problems: Entry[] = []
  let model: Model | null = null
  let references = 0
  const open = (name: string) => {
    model = models.get(name) ?? new Map()
    models.set(name, model)
    return model
  }
  for await (const lines of textLines(text)) {
    for (const { line, text: raw } of lines) {
      const content = raw.trim()
      const file = /^0\s+FILE\s+(.+)$/.exec(content)?.[1]
      if (file) open(file.toLowerCase().replaceAll('\\', '/'))
      if (!/^1\s/.test(content)) continue
      try {
        const { colour, name } = readReference(content, line)
        const key = `${colour} ${name}`
        const into: Model = model ?? open('')
        const known = into.get(key)
        if (known) known.count++
        else into.set(key, { line, colour, name, count: 1 })
        references += known ? 0 : 1
      } catch (error) {
        problems.push(problemOf(line, error))
      }
      if (references + problems.length + models.size > MAX_REFERENCES) throw tooBig(line)
    }
  }
  return { models, problems }
}

/** `1 colour x y z a b c d e f g h i file`; the file's name may have spaces. */
function readReference(content: string, line: number) {
  const [, colour, name] = /^1\s+(\S+)(?:\s+\S+){12}\s+(.+)$/.exec(content) ?? []
  if (colour === undefined || name === undefined) {
    throw new PartListRefused('BAD_MODEL', 'It begins as a part does, and has no 15 fields', line)
  }
  return {
    // 0x2RRGGBB is a colour without a number.
    colour: readColour(/^0x[\da-f]{7}$/i.test(colour) ? String(Number(colour)) : colour, 'Colour'),
    name: (readText(name, 'The part') ?? '').replaceAll('\\', '/').toLowerCase(),
  }
}

interface Counted {
  quantity: number
  readonly line: number
}

/** How many of each part in each colour; submodels once for all their uses, users first. */
function countAll(models: ReadonlyMap<string, Model>, main: string) {
  const needed = new Map<string, Map<number, Counted>>()
  const need = (name: string, colour: number, quantity: number, line: number) => {
    const colours = needed.get(name) ?? new Map<number, Counted>()
    needed.set(name, colours)
    const known = colours.get(colour)
    if (known) known.quantity += quantity
    else colours.set(colour, { quantity, line })
  }
  need(main, INHERITED, 1, 1)
  let steps = 0
  for (const name of usersFirst(models, main)) {
    for (const [colour, { quantity }] of needed.get(name)!) {
      for (const reference of models.get(name)!.values()) {
        if (++steps > MAX_STEPS || quantity > MAX_QUANTITY) throw tooBig(reference.line)
        const own = reference.colour === INHERITED ? colour : reference.colour
        need(reference.name, own, quantity * reference.count, reference.line)
      }
    }
    needed.delete(name)
  }
  return needed
}

/** Submodels in an order in which each stands after all that use it; embedded .dat files are parts. */
function usersFirst(models: ReadonlyMap<string, Model>, main: string): string[] {
  const done = new Set<string>()
  const under = new Set<string>([main])
  const order: string[] = []
  const submodels = (name: string) =>
    [...models.get(name)!.values()].filter(
      (one) => models.has(one.name) && !one.name.endsWith('.dat'),
    )
  const stack = [{ name: main, left: submodels(main) }]
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const next = top.left.pop()
    if (!next) {
      stack.pop()
      under.delete(top.name)
      done.add(top.name)
      order.push(top.name)
    } else if (under.has(next.name)) {
      throw new PartListRefused('BAD_MODEL', `The submodel "${next.name}" uses itself`, next.line)
    } else if (!done.has(next.name)) {
      under.add(next.name)
      stack.push({ name: next.name, left: submodels(next.name) })
    }
  }
  return order.reverse()
}

function tooBig(line: number): PartListRefused {
  return new PartListRefused('BAD_MODEL', 'The model has more parts than can be counted', line)
}
