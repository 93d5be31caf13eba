import { styleText } from 'node:util'
import type { LedgerEntry } from '@banyan/migration'
import type { Terminal } from './terminal.ts'

type Style = Parameters<typeof styleText>[0]

/** Coloured for a person, plain for a pipe and where NO_COLOR is set (no-color.org). */
export function paint(terminal: Terminal, style: Style, text: string): string {
  if (!terminal.outIsTty || terminal.env.NO_COLOR) return text
  return styleText(style, text)
}

/** Broken at spaces to lines of at most `width` characters; a longer word stays whole, to be copied. */
export function wrap(text: string, width: number, first: string, rest = first): string {
  const lines: string[] = []
  let line = first
  let empty = true
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = rest
      empty = true
    }
    line += empty ? word : ` ${word}`
    empty = false
  }
  lines.push(line)
  return lines.join('\n')
}

export function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 })
}

export function bytes(value: number): string {
  const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']
  let scaled = value
  let unit = 0
  while (scaled >= 1000 && unit < UNITS.length - 1) {
    scaled /= 1000
    unit++
  }
  return `${number(scaled)} ${UNITS[unit]}`
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} s`
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** `HH:MM:SS` of an ISO time, in UTC as in every log. */
export function clock(iso: string): string {
  return iso.slice(11, 19)
}

export function ledgerLine(entry: LedgerEntry): string {
  const detail = Object.entries(entry.detail)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
  return `${String(entry.seq).padStart(5)}  ${entry.at}  ${entry.kind.padEnd(8)}  ${entry.what}${detail ? `  ${detail}` : ''}`
}
