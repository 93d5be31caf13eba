import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { PageHeading } from '../ui/page-heading.tsx'
import { Progress } from '../ui/progress.tsx'
import { createMoc } from './create-moc.ts'
import { type ChosenFile, FileChooser } from './file-chooser.tsx'
import { MocFields, mocOf } from './moc-fields.tsx'
import { useStage } from './use-stage.ts'

/** A MOC with its files. */
export function NewMocPage() {
  const [, go] = useLocation()
  const queries = useQueryClient()
  const [files, setFiles] = useState<readonly ChosenFile[]>([])
  const [stage, showStage] = useStage()
  const stop = useRef(new AbortController())
  useEffect(() => () => stop.current.abort(), [])
  const create = useMutation({
    mutationFn: (wanted: object) => {
      stop.current = new AbortController()
      return createMoc(wanted, files, { signal: stop.current.signal, onStage: showStage })
    },
    onSuccess: async ({ id, problems }) => {
      await queries.invalidateQueries({ queryKey: ['mocs'] })
      if (problems.length === 0) go(`/mocs/${id}`)
    },
    onSettled: () => showStage(null),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    create.mutate(mocOf(new FormData(event.currentTarget)))
  }
  const stopped = create.error instanceof DOMException
  if (create.data && create.data.problems.length > 0) {
    const { id, problems } = create.data
    return (
      <>
        <PageHeading>The MOC is there, not all of its files</PageHeading>
        {problems.map(({ fileName, error }) => (
          <FailureNotice key={fileName} title={fileName} error={error} />
        ))}
        <Link href={`/mocs/${id}`} className="button primary">
          Go to the MOC
        </Link>
      </>
    )
  }
  return (
    <>
      <PageHeading>New MOC</PageHeading>
      <form className="card" onSubmit={submit}>
        <MocFields />
        <FileChooser files={files} onChange={setFiles} disabled={create.isPending} />
        {stage && <Progress label={stage.what} share={stage.share} />}
        {stopped ? (
          <Notice tone="warn">
            <p>You stopped it.</p>
          </Notice>
        ) : (
          <FailureNotice error={create.error} title="The MOC was not created" />
        )}
        <div className="actions">
          <button type="submit" className="primary" disabled={create.isPending}>
            {create.isPending ? 'Creating…' : 'Create the MOC'}
          </button>
          {create.isPending && files.length > 0 && (
            <button type="button" className="quiet" onClick={() => stop.current.abort()}>
              Stop
            </button>
          )}
        </div>
      </form>
    </>
  )
}
