import { useAnnounce } from '@banyan/console/announcer'
import { useMutation } from '@tanstack/react-query'
import { useId, useRef } from 'react'
import type { FileKind } from '../api/types.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Progress } from '../ui/progress.tsx'
import { addFile } from './create-moc.ts'
import { useStage } from './use-stage.ts'

interface Props {
  readonly mocId: string
  readonly kind: FileKind
  readonly label: string
  readonly accept?: string
  refresh(): Promise<unknown>
}

/** Adds a file of one kind to a MOC that stands. */
export function AddFile({ mocId, kind, label, accept, refresh }: Props) {
  const id = useId()
  const announce = useAnnounce()
  const input = useRef<HTMLInputElement>(null)
  const [stage, showStage] = useStage()
  const add = useMutation({
    mutationFn: (file: File) =>
      addFile(
        mocId,
        { kind, file },
        { onProgress: (share) => showStage({ what: `Sending ${file.name}`, share }) },
      ),
    onSuccess: (_answer, file) => announce(`${file.name} is added`),
    onSettled: async () => {
      showStage(null)
      await refresh()
    },
  })
  return (
    <div className="add-file">
      <label htmlFor={id} className={`button ${add.isPending ? 'busy' : ''}`}>
        {add.isPending ? 'Sending…' : label}
      </label>
      <input
        ref={input}
        id={id}
        className="unseen"
        type="file"
        accept={accept}
        disabled={add.isPending}
        onChange={(event) => {
          const [file] = event.target.files!
          if (file) add.mutate(file)
          event.target.value = ''
        }}
      />
      {stage && <Progress label={stage.what} share={stage.share} />}
      <FailureNotice error={add.error} />
    </div>
  )
}
