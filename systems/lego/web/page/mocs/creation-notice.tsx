import type { Creation, StoredFile } from '../api/types.ts'
import { Notice } from '../ui/notice.tsx'
import { reasonOf } from './create-moc.ts'

/** What the owner of a MOC that came with its files should know of how that went. */
export function CreationNotice({
  creation,
  files,
  lists,
}: {
  readonly creation: Creation
  readonly files: readonly StoredFile[]
  /** How many parts lists the MOC has. */
  readonly lists: number
}) {
  const { status, problem } = creation
  const unreadable = files.filter(({ reading }) => reading === 'unreadable')
  const waiting = files.filter(({ reading }) => reading === 'waiting')
  return (
    <>
      {status === 'creating' && (
        <Notice tone="warn" title="This MOC is still being created">
          <p>Its files are being checked and stored. This page shows when that is done.</p>
        </Notice>
      )}
      {status === 'incomplete' && lists < waiting.length && (
        <Notice tone="bad" title="This MOC is incomplete">
          <p>
            The MOC and its files are stored, but its parts lists could not be handed over to be
            read: {reasonOf(problem, 'the service that reads them did not answer')}. Its pieces are
            not counted.
          </p>
          <p>Add the parts list once more, under “Parts”, to have them counted.</p>
          <p className="correlation">
            If you ask for help, name <code>{creation.mocId}</code>
          </p>
        </Notice>
      )}
      {status === 'created' && waiting.length > 0 && (
        <Notice tone="warn" title="The parts list is being read">
          <p>{names(waiting)}. Its parts appear here when that is done.</p>
        </Notice>
      )}
      {unreadable.map(({ id, fileName, problem: why }) => (
        <Notice key={id} tone="bad" title={`${fileName} could not be read`}>
          <p>{why ?? 'It is not known why.'}</p>
        </Notice>
      ))}
    </>
  )
}

function names(files: readonly StoredFile[]): string {
  return files.map(({ fileName }) => fileName).join(', ')
}
