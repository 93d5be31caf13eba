import { type UseQueryResult, useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ask, askFile } from '../api/request.ts'
import type { MocFile, StoredFile } from '../api/types.ts'
import { ConfirmButton } from '../ui/confirm-button.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { AddFile } from './add-file.tsx'
import { sizeOf } from './create-moc.ts'

const KINDS: Record<MocFile['kind'], string> = {
  instruction: 'Instructions',
  'parts-list': 'Parts list',
  thumbnail: 'Picture',
  other: 'Other',
}

interface Props {
  readonly mocId: string
  readonly isMine: boolean
  readonly files: UseQueryResult<MocFile[]>
  readonly stored: UseQueryResult<StoredFile[]>
  refresh(): Promise<unknown>
}

/** What is kept with a MOC: by itself, and by File Storage. */
export function FilesSection({ mocId, isMine, files, stored, refresh }: Props) {
  const base = `/api/mocs/${mocId}`
  const remove = useMutation({
    mutationFn: ({ id }: MocFile) => ask('DELETE', `${base}/files/${id}`),
    onSettled: refresh,
  })
  const fetchFile = useMutation({
    mutationFn: async (file: MocFile) => {
      const url = URL.createObjectURL(await askFile(`${base}/files/${file.id}`))
      save(url, file.fileName)
      URL.revokeObjectURL(url)
    },
  })
  const fetchStored = useMutation({
    mutationFn: async (file: StoredFile) => {
      const path = `${base}/stored-files/${file.id}/download-url`
      save((await ask<{ url: string }>('GET', path)).url, file.fileName)
    },
  })
  const none = files.data?.length === 0 && (stored.data?.length ?? 0) === 0
  return (
    <section aria-labelledby="files">
      <h2 id="files">Files</h2>
      <FailureNotice error={files.error ?? stored.error} retry={() => void refresh()} />
      <FailureNotice error={remove.error ?? fetchFile.error ?? fetchStored.error} />
      {none && <p className="empty">No files yet.</p>}
      <ul className="file-list">
        {files.data?.map((file) => (
          <FileRow key={file.id} file={file} onFetch={() => fetchFile.mutate(file)}>
            {isMine && (
              <ConfirmButton
                label={`Delete ${file.fileName}`}
                question="Delete it?"
                onConfirm={() => remove.mutate(file)}
              >
                Delete
              </ConfirmButton>
            )}
          </FileRow>
        ))}
        {stored.data?.map((file) => (
          <FileRow key={file.id} file={file} onFetch={() => fetchStored.mutate(file)} />
        ))}
      </ul>
      {isMine && (
        <AddFile mocId={mocId} kind="instruction" label="Add instructions" refresh={refresh} />
      )}
    </section>
  )
}

interface RowProps {
  readonly file: MocFile
  onFetch(): void
  readonly children?: ReactNode
}

function FileRow({ file, onFetch, children }: RowProps) {
  return (
    <li>
      <span className="file-name">{file.fileName}</span>
      <span className="muted">
        {KINDS[file.kind]} · {sizeOf(file.sizeBytes)}
      </span>
      <span className="row-actions">
        <button
          type="button"
          className="quiet"
          aria-label={`Download ${file.fileName}`}
          onClick={onFetch}
        >
          Download
        </button>
        {children}
      </span>
    </li>
  )
}

function save(url: string, name: string): void {
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.rel = 'noreferrer'
  link.click()
}
