/** A command block of a document. */
export interface Block {
  /** The heading it stands under. */
  readonly heading: string
  /** Of its first line in the document, from 1. */
  readonly line: number
  readonly text: string
}

/** What stands between "```sh" and "```", as it stands. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let heading = ''
  let open: { line: number; lines: string[] } | null = null
  for (const [i, line] of markdown.split('\n').entries()) {
    if (open) {
      if (line === '```') {
        blocks.push({ heading, line: open.line, text: open.lines.join('\n') })
        open = null
      } else open.lines.push(line)
    } else if (line === '```sh') open = { line: i + 2, lines: [] }
    else if (line.startsWith('#')) heading = line.replace(/^#+ /, '')
  }
  if (open) throw new Error(`the block of line ${open.line} does not end`)
  return blocks
}

/** All blocks in one shell, which ends with the first command that fails, and says where that stands. */
export function scriptOf(blocks: readonly Block[]): string {
  const parts = blocks.map(({ heading, line, text }) => {
    const place = `line ${line}: ${heading.replaceAll("'", '’')}`
    return `trap 'echo "failed in the block of ${place}" >&2' ERR\necho '--- ${place}'\n${text}\n`
  })
  return `set -eE\n${parts.join('\n')}`
}
