import type { Terminal } from './terminal.ts'

/** What others have written must not steer the terminal: escapes and line ends become spaces. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ')
}

/** Rows under their heads, two spaces apart; the last column is cut off where the line ends. */
export function table(
  terminal: Terminal,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [heads, ...rows].map((cells) => cells.map(plain))
  const widths = heads.map((_, i) => Math.max(...lines.map((cells) => cells[i]!.length)))
  return lines
    .map((cells) => {
      const line = cells
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd()
      // A pipe has no width: it gets all.
      const most = terminal.outIsTty ? terminal.columns() : Number.POSITIVE_INFINITY
      return line.length > most ? `${line.slice(0, most - 1)}…` : line
    })
    .join('\n')
}

/** A value as JSON for people, indented. */
export function pretty(value: unknown, indent = '  '): string {
  const text = JSON.stringify(value, null, 2) ?? 'nothing'
  return text
    .split('\n')
    .map((line) => indent + plain(line))
    .join('\n')
}
