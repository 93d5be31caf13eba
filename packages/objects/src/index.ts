export { FolderStore, type FolderStoreOptions } from './folder/folder-store.ts'
export { FolderSide } from './follow/folder-side.ts'
export { Follower, type FollowerOptions, type FollowerStatus } from './follow/follower.ts'
export type { ObjectProblem, ObjectRecord, ObjectRecords, RecordTotals } from './follow/records.ts'
export {
  compareKeys,
  type Description,
  type ListedObject,
  ObjectRefused,
  type ObjectSide,
  type ReadObject,
  type SideName,
} from './follow/side.ts'
export { StoreSide, type StoreSideOptions } from './follow/store-side.ts'
export type { DifferingObject, ObjectsVerified } from './follow/verify.ts'
export type {
  ByteRange,
  FoundObject,
  ListOptions,
  ObjectContent,
  ObjectInfo,
  ObjectPage,
  ObjectStore,
  PutOptions,
  SignedAnswer,
  SignedRequest,
  SignedUrlOptions,
} from './object-store.ts'
export { type ObjectStoreSettings, openObjectStore } from './open-object-store.ts'
export { checkKey } from './rules.ts'
