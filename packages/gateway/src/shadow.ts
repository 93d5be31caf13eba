import type { ShadowStats } from '@banyan/contracts'
import type { Call } from './call.ts'
import type { ResponseHead } from './response-head.ts'
import type { Placement } from './routing.ts'

export interface Capture {
  add(chunk: Buffer): void
}

export class Shadow {
  capture(_call: Call, _placement: Placement): Capture | null {
    return null
  }

  offer(_capture: Capture, _status: number, _head: ResponseHead): void {}

  read(_extraction: string): ShadowStats {
    return { compared: 0, differing: 0, dropped: 0, differences: [] }
  }
}
