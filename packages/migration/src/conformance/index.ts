export { Recorder } from './recorder.ts'
export { type Deviation, type Replayed, replay } from './replay.ts'
export { type History, historiesOf, stepWords, type Trace, type TraceEvent } from './trace.ts'
