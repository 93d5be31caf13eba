import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvRows } from './csv.ts'
import { PartListRefused } from './refusal.ts'
import { xmlRecords } from './xml.ts'

const SEED = Number(process.env.BANYAN_SEED ?? Date.now() % 1_000_000)
const RUNS = 4_000

/** A text cut anywhere. */
async function* cut(text: string, places: readonly number[]): AsyncGenerator<string> {
  const sorted = [...new Set(places.map((place) => place % (text.length + 1)))].sort(
    (a, b) => a - b,
  )
  let from = 0
  for (const place of [...sorted, text.length]) {
    if (place > from) yield text.slice(from, place)
    from = Math.max(from, place)
  }
}

/** What was read, until a refusal; that comes last. */
async function all<T>(groups: AsyncIterable<readonly T[]>): Promise<unknown[]> {
  const read: unknown[] = []
  try {
    for await (const group of groups) read.push(...group)
  } catch (error) {
    if (!(error instanceof PartListRefused)) throw error
    read.push([error.code, error.line, error.message])
  }
  return read
}

const Places = fc.array(fc.nat(), { maxLength: 8 })
const textOf = (most: number, ...pieces: string[]) =>
  fc.array(fc.constantFrom(...pieces), { maxLength: most }).map((some) => some.join(''))

describe('what is plain is read as its parser reads it', () => {
  it(`CSV; BANYAN_SEED=${SEED}`, async () => {
    let whole = 0
    const cell = ['a', '12', '', ' ', 'ö€', '"a,b"', '"say ""a"""', '""']
    const odd = ['a"b', '"a"b', '"a\nb"', '"a\r\nb"', '"']
    const Text = fc
      .tuple(fc.constantFrom('\n', '\r\n', '\r'), fc.integer({ min: 0, max: 30 }), fc.boolean())
      .chain(([lineBreak, most, mixed]) => {
        const others = mixed ? [...odd, '\n', '\r\n'] : []
        return textOf(most, ...cell, ',', ',', ',', lineBreak, lineBreak, lineBreak, ...others)
      })
      .map((text) => `part,quantity${text}`)
    await fc.assert(
      fc.asyncProperty(Text, Places, async (text, places) => {
        const read = await all(csvRows(cut(text, places)))
        const parsed = parsedBy(text)
        // Where it is refused, nobody looks at the rows before.
        if (parsed.refusal) expect(read.at(-1)).toEqual(parsed.refusal)
        else expect(read).toEqual(parsed.rows)
        whole += Number(!parsed.refusal && parsed.rows.length > 1)
      }),
      { seed: SEED, numRuns: RUNS },
    )
    expect(whole).toBeGreaterThan(RUNS / 10)
  })

  it(`XML; BANYAN_SEED=${SEED}`, async () => {
    let records = 0
    const good = [
      '<ITEM><ITEMID>3001</ITEMID><QTY>2</QTY></ITEM>\n',
      '<ITEM>\r\n <ITEMID>3001</ITEMID>\t<QTY></QTY>\n\n</ITEM>',
      '<ITEM><QTY>a > b, ö</QTY><QTY>2</QTY></ITEM>',
      '<ITEM></ITEM>',
      ' \n',
    ]
    const odd = [
      ...['<ITEM>', '</ITEM>', '<ITEMID>', '</ITEMID>', '<ITEM/>', '<ITEM a="1">', '</ITEM >'],
      ...['<!--', '-->', '<!-- </ITEM> -->', '<![CDATA[', ']]>', '<?x </ITEM>?>', '&amp;', '&xxe;'],
      ...[
        '3001',
        '\r',
        '\u{1F9F1}',
        '\u0001',
        '\uFFFE',
        '<',
        '>',
        '<QTY>a<B>b</B></QTY>',
        '<QTY/>',
      ],
      ...['<ITEM><QTY>&lt;</QTY></ITEM>', '<ITEM><NEW>1</NEW></ITEM>', '<ITEM>x</ITEM>'],
      ...['<ITEM><ITEM>1</ITEM></ITEM>', '<ITEM><QTY>\r\n1</QTY></ITEM>'],
    ]
    const Text = fc
      .tuple(textOf(8, ...good), textOf(3, ...odd), textOf(8, ...good, ...odd), textOf(3, ...good))
      .map((parts) => `<INVENTORY>${parts.join('')}</INVENTORY>`)
    const paths = [['INVENTORY', 'ITEM']]
    await fc.assert(
      fc.asyncProperty(Text, Places, async (text, places) => {
        const read = await all(xmlRecords(cut(text, places), paths))
        // In single characters there is never a whole record to be plain.
        const parsed = await all(
          xmlRecords(
            cut(
              text,
              Array.from(text, (_, at) => at),
            ),
            paths,
          ),
        )
        const refused = Array.isArray(parsed.at(-1))
        if (refused) expect(read.at(-1)).toEqual(parsed.at(-1))
        else expect(read).toEqual(parsed)
        records += refused ? 0 : read.length
      }),
      {
        seed: SEED,
        numRuns: RUNS,
        // A piece that begins with the text of a field, and ends in a tag that is that field's name but for one letter.
        examples: [
          ['<INVENTORY><ITEM><QTY>2</QTY></ITEM>\n<ITEM><QTY/></ITEM></INVENTORY>', [22, 48]],
        ],
      },
    )
    expect(records).toBeGreaterThan(RUNS / 10)
  })
})

/** Rows as csv-parse reads them alone, or why it refuses the text. */
function parsedBy(text: string) {
  try {
    const rows = parse(text, {
      delimiter: ',',
      info: true,
      max_record_size: 65_536,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as { record: string[]; info: { lines: number } }[]
    return { rows: rows.map(({ record, info }) => ({ line: info.lines, cells: record })) }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const { lines } = error as CsvError & { lines?: number }
    const { code, line, message } = new PartListRefused(
      'BAD_CSV',
      `Not valid CSV: ${error.message}`,
      lines ?? null,
    )
    return { rows: [], refusal: [code, line, message] }
  }
}
