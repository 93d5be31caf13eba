export { Link } from './link.ts'
export {
  type Column,
  type ColumnExpr,
  type ColumnSource,
  declaredLosses,
  type OwnerThrough,
  type ResolvedTable,
  resolveTables,
  type TableSide,
  type TableSpec,
} from './mapping.ts'
export { dropReading, dropWriting } from './objects.ts'
export { type PaceOptions, paced } from './pace.ts'
export {
  inspectRow,
  type Repaired,
  type RowInspection,
  type RowOptions,
  repairRow,
} from './repair.ts'
export {
  describeLoss,
  type Loss,
  proveRoundTrips,
  type RoundTrip,
  type RoundTripOptions,
  refuseLosses,
} from './round-trip.ts'
export { serverIdentity } from './server-identity.ts'
export {
  guardTable,
  installSide,
  leftovers,
  OLDEST_MAJOR,
  raiseToken,
  type SideName,
  type StreamName,
  sessionName,
  streamObjectName,
  takeSide,
} from './side.ts'
export type {
  CopyOptions,
  CopyProgress,
  CopyReport,
  LinkOptions,
  LinkProblem,
  LinkStatus,
} from './types.ts'
export {
  type Divergence,
  stillDivergent,
  type VerifyOptions,
  type VerifyProgress,
  type VerifyReport,
  verify,
} from './verify.ts'
export {
  type BucketCheck,
  type PreparedCheck,
  prepareBucketCheck,
} from './verify-buckets.ts'
