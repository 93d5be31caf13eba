/** How often each line was executed, by its number (1-based); lines that hold no statement are not in it. */
export type LineHits = ReadonlyMap<number, number>

/** By absolute path. */
export type FileHits = ReadonlyMap<string, LineHits>

/** What Istanbul's reporter `json` writes of a file, as far as it is read here. */
export interface IstanbulFile {
  readonly statementMap: Readonly<Record<string, { readonly start: { readonly line: number } }>>
  readonly s: Readonly<Record<string, number>>
}

/** A line counts as often as the statement on it that was executed most. */
export function linesOf({ statementMap, s }: IstanbulFile): LineHits {
  const lines = new Map<number, number>()
  for (const [id, { start }] of Object.entries(statementMap)) {
    lines.set(start.line, Math.max(lines.get(start.line) ?? 0, s[id] ?? 0))
  }
  return lines
}

/** What other processes executed, added to the lines that hold statements. */
export function withProcesses(tests: FileHits, processes: FileHits): FileHits {
  const files = new Map([...tests].map(([file, lines]) => [file, new Map(lines)]))
  for (const [file, lines] of processes) {
    const known = files.get(file)
    for (const line of known?.keys() ?? []) {
      known!.set(line, known!.get(line)! + (lines.get(line) ?? 0))
    }
  }
  return files
}

export interface Coverage {
  readonly lines: number
  readonly covered: number
  /** Of the lines; 100 where there are none. */
  readonly percent: number
}

/** Of files together. */
export function coverageOf(files: Iterable<LineHits>): Coverage {
  let lines = 0
  let covered = 0
  for (const hits of files) {
    lines += hits.size
    for (const count of hits.values()) if (count > 0) covered += 1
  }
  return { lines, covered, percent: lines === 0 ? 100 : (covered / lines) * 100 }
}
