import { fileURLToPath } from 'node:url'
import { BanyanError } from '@banyan/contracts'
import { FolderStore } from './folder/folder-store.ts'
import type { ObjectStore } from './object-store.ts'

export interface ObjectStoreSettings {
  /**
   * `file:///var/lib/objects`, or `s3://bucket?region=eu-central-1`, with `&endpoint=http://host:9000`
   * for another server than AWS and `&style=path` where the bucket is no host name there.
   */
  readonly url: string
  /** Of a folder: `id:base64` of 32 bytes, the one in use first; see `FolderStore.rotateKeys`. */
  readonly masterKeys?: string | undefined
  /** Of a folder: where `answerSigned` is mounted, as those who get signed URLs reach it. */
  readonly publicUrl?: string | undefined
}

/** @throws BanyanError BAD_OBJECT_STORE for settings that are not valid, OBJECT_STORE_FAILED */
export async function openObjectStore(settings: ObjectStoreSettings): Promise<ObjectStore> {
  const refuse = (reason: string) => new BanyanError('BAD_OBJECT_STORE', { reason })
  const url = URL.canParse(settings.url) ? new URL(settings.url) : null
  if (url?.protocol === 'file:') {
    const { masterKeys, publicUrl } = settings
    if (!masterKeys || !publicUrl) {
      throw refuse('A folder needs master keys, and the URL at which its signed URLs are answered')
    }
    return FolderStore.open({ folder: fileURLToPath(url), masterKeys, publicUrl })
  }
  if (url?.protocol === 's3:') {
    const { region, endpoint, style = 'host', ...others } = Object.fromEntries(url.searchParams)
    if (url.host === '' || !region) throw refuse('An S3 URL names a bucket and its region')
    if (!['host', 'path'].includes(style)) throw refuse(`style is "${style}"; host or path`)
    const [other] = Object.keys(others)
    if (other !== undefined) throw refuse(`"${other}" is no part of an S3 URL`)
    // The SDK is loaded where it is used, and nowhere else.
    const { S3Store } = await import('./s3/s3-store.ts')
    const pathStyle = style === 'path'
    return new S3Store({ bucket: url.host, region, pathStyle, ...(endpoint ? { endpoint } : {}) })
  }
  throw refuse(`Given "${settings.url.slice(0, 100)}"; file:///folder or s3://bucket?region=…`)
}
