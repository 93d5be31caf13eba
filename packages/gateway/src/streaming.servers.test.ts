import { it } from 'vitest'
import { leaveStreams } from './testing.ts'

// Aside for its length, not for a server.
it('that ten thousand clients leave, leave nothing upstream', () => leaveStreams(10_000))
