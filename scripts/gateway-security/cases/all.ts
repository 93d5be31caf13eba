import type { Area } from '../case.ts'
import { ANSWERS } from './answers.ts'
import { CHUNKS } from './chunks.ts'
import { CONNECTIONS } from './connections.ts'
import { FRAMING } from './framing.ts'
import { HEADS } from './heads.ts'
import { HOP_BY_HOP } from './hop-by-hop.ts'
import { HOSTS } from './hosts.ts'
import { IDENTITY } from './identity.ts'
import { PATHS } from './paths.ts'
import { SIZES } from './sizes.ts'
import { SLOW_ONES } from './slow.ts'
import { TOKENS } from './tokens.ts'

export const AREAS: readonly Area[] = [
  ...[FRAMING, CHUNKS, HEADS, HOSTS, PATHS, HOP_BY_HOP],
  ...[IDENTITY, CONNECTIONS, SIZES, ANSWERS, TOKENS, SLOW_ONES],
]
