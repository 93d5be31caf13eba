import { badCommand } from './failure.ts'

const EXAMPLES = `For example: public.item:7, 'public."Mixed".it:a text', or 'public.line:["7","a:b"]' for a key of several columns. "banyan verify --rows" prints rows ready to be given.`

/**
 * Reads a row as it is given on a command line: the table as the plan names it, a colon, and the key.
 * The key is a text as it stands, or a JSON array with one text for each column of the key.
 */
export function parseRow(given: string): { table: string; key: string[] } {
  const [, table, key] = /^((?:"(?:[^"]|"")*"|[^":])+):(.*)$/s.exec(given) ?? []
  if (!table || key === undefined || key === '') {
    throw badCommand(`the row is ${JSON.stringify(given)}; allowed is TABLE:KEY`, EXAMPLES)
  }
  return { table, key: key.startsWith('[') ? several(given, key) : [key] }
}

function several(given: string, text: string): string[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = null
  }
  const key = Array.isArray(parsed) ? parsed.map(asText) : []
  if (key.length === 0 || key.includes(null)) {
    throw badCommand(
      `the key of ${given} begins with "[" and is no JSON array of texts and whole numbers up to 2^53`,
      EXAMPLES,
    )
  }
  return key as string[]
}

function asText(value: unknown): string | null {
  if (typeof value === 'string') return value
  // A number beyond that has lost digits by now.
  return Number.isSafeInteger(value) ? String(value) : null
}

/** The other way: quoted for a shell where it has to be. */
export function shownRow(table: string, key: readonly string[]): string {
  const [only] = key
  const plain = key.length === 1 && only !== '' && !only!.startsWith('[')
  const text = `${table}:${plain ? only : JSON.stringify(key)}`
  return /^[\w.:+@/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
