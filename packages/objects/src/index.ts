export { FolderStore, type FolderStoreOptions } from './folder/folder-store.ts'
export type {
  ByteRange,
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
