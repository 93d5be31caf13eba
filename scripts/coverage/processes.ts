import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eachMapping, type SourceMapInput, TraceMap } from '@jridgewell/trace-mapping'
import type { FileHits } from './lines.ts'

/** What Node writes for `NODE_V8_COVERAGE` when a process ends, as far as it is read here. */
interface RawCoverage {
  readonly result: readonly Script[]
  readonly 'source-map-cache'?: Readonly<Record<string, CachedMap>>
}

interface Script {
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly Range[] }[]
}

/** Offsets in the executed code, from start up to end; an inner range says more than the one around it. */
interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

interface CachedMap {
  /** Of the executed code, without their ends. */
  readonly lineLengths: readonly number[]
  /** null where the map could not be read. */
  readonly data: SourceMapInput | null
}

/**
 * How often each line of TypeScript was executed by processes that wrote their coverage into a folder: any
 * line that something of it was mapped to, whether or not it holds a statement.
 *
 * @param wanted whether a file, by its absolute path, is looked at
 */
export function hitsOfProcesses(folder: string, wanted: (file: string) => boolean): FileHits {
  const files = new Map<string, Map<number, number>>()
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.json'))) {
    const raw = JSON.parse(readFileSync(join(folder, name), 'utf8')) as RawCoverage
    const maps = raw['source-map-cache'] ?? {}
    for (const script of raw.result) {
      const file = fileOf(script.url)
      const map = maps[script.url]
      if (file === null || !wanted(file) || !map?.data) continue
      const lines = files.get(file) ?? new Map<number, number>()
      files.set(file, lines)
      for (const [line, count] of hitsOf(script, map.lineLengths, map.data)) {
        lines.set(line, (lines.get(line) ?? 0) + count)
      }
    }
  }
  return files
}

/** A line counts as often as what was executed most on it. */
function hitsOf(
  { functions }: Script,
  lineLengths: readonly number[],
  map: SourceMapInput,
): ReadonlyMap<number, number> {
  const starts: number[] = [0]
  for (const length of lineLengths) starts.push(starts.at(-1)! + length + 1)
  const countAt = countsBy(functions.flatMap(({ ranges }) => ranges))
  const lines = new Map<number, number>()
  eachMapping(new TraceMap(map), ({ generatedLine, generatedColumn, originalLine }) => {
    if (originalLine === null) return
    const count = countAt(starts[generatedLine - 1]! + generatedColumn)
    lines.set(originalLine, Math.max(lines.get(originalLine) ?? 0, count))
  })
  return lines
}

/** The count of the innermost range around an offset; asked for in any order. */
function countsBy(ranges: readonly Range[]): (offset: number) => number {
  // Outer ones first: what comes later and still contains the offset is further inside.
  const sorted = [...ranges].sort(
    (a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset,
  )
  return (offset) => {
    let count = 0
    for (const range of sorted) {
      if (range.startOffset > offset) break
      if (offset < range.endOffset) count = range.count
    }
    return count
  }
}

/** Loaders may add a query to the URL. */
function fileOf(url: string): string | null {
  return url.startsWith('file:') ? fileURLToPath(url.split('?')[0]!) : null
}
