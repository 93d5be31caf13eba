import { BadLine, type Entries, type Entry, entryOf, lineOf } from './entry.ts'
import { textLines } from './lines.ts'
import { readColour, readQuantity, readText, short } from './values.ts'

/** LDCad's part bin group: below `<items>`, `3010.dat:[sourceInv=parts] [color=15] [count=12]`. */
export async function* readLdcadPbg(text: AsyncIterable<string>): Entries {
  let items = false
  for await (const lines of textLines(text)) {
    const entries: Entry[] = []
    for (const { line, text: raw } of lines) {
      const content = raw.trim()
      if (content === '<items>') items = true
      else if (/^<\w+>$/.test(content)) items = false
      else if (items && content !== '') entries.push(entryOf(line, () => readItem(line, content)))
    }
    yield entries
  }
}

function readItem(line: number, content: string): Entry {
  const match = /^([^:[\]]+):((?:\s*\[\w+=[^\]]*\])*)\s*$/.exec(content)
  if (!match) {
    throw new BadLine(
      'MISSING_ID',
      `A line is like "3010.dat:[color=15] [count=12]", given "${short(content)}"`,
    )
  }
  const options = new Map(
    [...match[2]!.matchAll(/\[(\w+)=([^\]]*)\]/g)].map(([, name, value]) => [name, value!]),
  )
  const part = readText(match[1]!.replace(/\.dat$/i, ''), 'The part')
  if (part === null) throw new BadLine('MISSING_ID', 'The line names no part')
  const colour = options.get('color')
  return lineOf({
    line,
    ids: { ldraw: part },
    colour: colour === undefined ? null : { system: 'ldraw', id: readColour(colour, 'color') },
    quantity: readQuantity(options.get('count') ?? '1', 'count'),
  })
}
