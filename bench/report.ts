import { open } from 'node:fs/promises'
import { type Given, UsageError } from '../systems/options.ts'
import type { Goal } from './goals.ts'

/** Found out now, and not when a quarter of an hour's figures are to be written. */
export async function requireWritable(file: string): Promise<void> {
  try {
    await (await open(file, 'a')).close()
  } catch (error) {
    throw new UsageError(`--json cannot be written: ${(error as Error).message}`)
  }
}

/** Those that `--only` names, in the order of `all`. @throws UsageError */
export function chosenOf<Name extends string>(given: Given, all: readonly Name[]): Name[] {
  if (given.only === undefined) return [...all]
  const names = String(given.only)
    .split(',')
    .map((name) => name.trim())
  for (const name of names) {
    if (all.includes(name as Name)) continue
    throw new UsageError(`--only names "${name}"; there are ${all.join(', ')}`)
  }
  return all.filter((name) => names.includes(name))
}

/** What was measured, and how much of it, for people. */
export type Lines = readonly (readonly [string, string])[]

export function printLines(name: string, lines: Lines, seconds: number): void {
  console.log(`\n${name} (${seconds} s)`)
  const width = Math.max(...lines.map(([what]) => what.length)) + 2
  for (const [what, value] of lines) console.log(`  ${what.padEnd(width)}${value}`)
}

export function printGoals(goals: readonly Goal[], quick: boolean): void {
  const missed = goals.filter((goal) => !goal.met)
  console.log(
    `\n${goals.length - missed.length} of ${goals.length} goals met${quick ? ' (of --quick sizes: they say little)' : ''}`,
  )
  const width = Math.max(...goals.map(({ name }) => name.length)) + 2
  for (const { name, goal, measured, met } of goals) {
    console.log(
      `  ${met ? 'met   ' : 'MISSED'}  ${name.padEnd(width)} ${goal.padEnd(8)} measured ${measured}`,
    )
  }
}
