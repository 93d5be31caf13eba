/** 200 MB of lists, made as they are read. */
const SIZE = 200_000_000

export interface MemoryReport {
  /** `read N pieces`, or the code it is refused for. */
  readonly outcome: string
  /** Highest resident size less that before, bytes. */
  readonly grewBytes: number
  readonly ms: number
}

interface MemoryCase {
  readonly maxBytes: number
  readonly outcome: string
  file(): Iterable<string>
}

export const MEMORY_CASES: Readonly<Record<string, MemoryCase>> = {
  'XML of 200 MB': {
    maxBytes: 2 * SIZE,
    outcome: 'read 2352942 pieces',
    file: () =>
      repeated(
        '<INVENTORY>',
        '<ITEM><ITEMTYPE>P</ITEMTYPE><ITEMID>3001</ITEMID><COLOR>5</COLOR><QTY>1</QTY></ITEM>\n',
        '</INVENTORY>',
      ),
  },
  'CSV of 200 MB': {
    maxBytes: 2 * SIZE,
    outcome: 'read 5000000 pieces',
    file: () => repeated('Part,Color,Quantity,Name\n', `3001,4,1,${'x'.repeat(30)}\n`, ''),
  },
  'XML of 200 MB, with the usual limit': {
    maxBytes: 64 * 1024 * 1024,
    outcome: 'FILE_TOO_LARGE',
    file: () => repeated('<INVENTORY>', `<!--${'x'.repeat(1_000)}-->`, '</INVENTORY>'),
  },
  'XML that is one attribute of 200 MB': {
    maxBytes: 2 * SIZE,
    outcome: 'XML_TOKEN_TOO_LARGE',
    file: () => repeated('<INVENTORY a="', 'x'.repeat(1_000), '"/>'),
  },
}

/** `each` as often as it takes for 200 MB, in pieces of some 64 KB. */
function* repeated(first: string, each: string, last: string): Generator<string> {
  yield first
  const together = Math.ceil(65_536 / each.length)
  const piece = each.repeat(together)
  const times = Math.ceil(SIZE / each.length)
  for (let made = 0; made < times; made += together) {
    yield times - made >= together ? piece : each.repeat(times - made)
  }
  yield last
}
