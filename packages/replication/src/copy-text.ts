import type { Row, Value } from './flow.ts'
import { keyText } from './flow.ts'

/** COPY's text format (https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"). */

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** One line, with its line feed, to values. */
export function parseRow(line: Buffer): Row {
  return line
    .toString('utf8', 0, line.length - 1)
    .split('\t')
    .map(parseField)
}

/** The key of a line whose first `width` fields it is; the rest is not looked at. */
export function parseKey(line: Buffer, width: number): string {
  return keyText(parseKeyFields(line, width), width)
}

export function parseKeyFields(line: Buffer, width: number): string[] {
  const fields: string[] = []
  let start = 0
  for (let i = 0; i < width; i++) {
    let end = line.indexOf(9, start)
    if (end < 0) end = line.length - (line.at(-1) === 10 ? 1 : 0)
    fields.push(parseField(line.toString('utf8', start, end)) as string)
    start = end + 1
  }
  return fields
}

function parseField(text: string): Value {
  if (text === '\\N') return null
  if (!text.includes('\\')) return text
  return text.replace(/\\(.)/g, (_, letter: string) => ESCAPES[letter] ?? letter)
}

export function encodeRow(row: Row): Buffer {
  return Buffer.from(`${row.map(encodeField).join('\t')}\n`)
}

function encodeField(value: Value): string {
  if (value === null || value === undefined) return '\\N'
  if (!/[\\\n\r\t\b\f\v]/.test(value)) return value
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll('\b', '\\b')
    .replaceAll('\f', '\\f')
    .replaceAll('\v', '\\v')
}
