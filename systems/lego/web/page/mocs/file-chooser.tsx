import { type DragEvent, useId, useRef, useState } from 'react'
import { newId } from '../api/request.ts'
import type { FileKind } from '../api/types.ts'
import { Notice } from '../ui/notice.tsx'
import { type FileToSend, kindOf, sizeOf } from './create-moc.ts'

const KINDS: readonly { readonly kind: FileKind; readonly name: string }[] = [
  { kind: 'instruction', name: 'Instructions' },
  { kind: 'parts-list', name: 'Parts list' },
  { kind: 'thumbnail', name: 'Picture' },
  { kind: 'other', name: 'Something else' },
]

/** Two files of one name are two files. */
export interface ChosenFile extends FileToSend {
  readonly id: string
}

/** What the service takes with one MOC. */
const MOST_FILES = 10
const MOST_BYTES = 10 * 1024 * 1024
const MOST_BYTES_TOGETHER = 25 * 1024 * 1024

/** Files to go with a MOC: dropped here, or chosen. What each is, is guessed and can be changed. */
export function FileChooser({
  files,
  onChange,
  disabled,
}: {
  readonly files: readonly ChosenFile[]
  onChange(files: readonly ChosenFile[]): void
  readonly disabled: boolean
}) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  const [over, setOver] = useState(false)
  const [left, setLeft] = useState<readonly string[]>([])
  const take = (list: FileList) => {
    const next = [...files]
    const refused: string[] = []
    for (const file of list) {
      const bytes = next.reduce((sum, one) => sum + one.file.size, file.size)
      if (file.size > MOST_BYTES) refused.push(`${file.name} is larger than 10 MB.`)
      else if (bytes > MOST_BYTES_TOGETHER) refused.push(`With ${file.name} it is over 25 MB.`)
      else if (next.length === MOST_FILES) refused.push(`${file.name} is one file too many.`)
      else next.push({ id: newId(), file, kind: kindOf(file.name) })
    }
    setLeft(refused)
    onChange(next)
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    if (!disabled) take(event.dataTransfer.files)
  }
  return (
    <fieldset className="files">
      <legend>Files</legend>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a second way; the control in it is the first. */}
      <div
        className={`drop ${over ? 'over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <label htmlFor={id} className="button">
          Choose files
        </label>
        <input
          ref={input}
          id={id}
          className="unseen"
          type="file"
          multiple
          disabled={disabled}
          aria-describedby={`${id}-hint`}
          onChange={(event) => {
            take(event.target.files!)
            // The same file may be chosen again after it was taken away.
            event.target.value = ''
          }}
        />
        <p className="hint" id={`${id}-hint`}>
          or drop them here: instructions, parts lists (BrickLink XML, Rebrickable CSV), pictures.
          Up to {MOST_FILES} of 10 MB, 25 MB together.
        </p>
      </div>
      {left.length > 0 && (
        <Notice tone="bad" title="Not all of it can go along">
          {left.map((why) => (
            <p key={why}>{why}</p>
          ))}
        </Notice>
      )}
      <ul className="chosen">
        {files.map(({ id: chosen, file, kind }) => (
          <li key={chosen}>
            <span className="file-name">{file.name}</span>
            <span className="muted">{sizeOf(file.size)}</span>
            <select
              aria-label={`What ${file.name} is`}
              value={kind}
              disabled={disabled}
              onChange={(event) =>
                onChange(
                  files.map((one) =>
                    one.id === chosen ? { ...one, kind: event.target.value as FileKind } : one,
                  ),
                )
              }
            >
              {KINDS.map((one) => (
                <option key={one.kind} value={one.kind}>
                  {one.name}
                </option>
              ))}
            </select>
            <button
              type="button"
              className="quiet"
              disabled={disabled}
              aria-label={`Leave out ${file.name}`}
              onClick={() => {
                onChange(files.filter((one) => one.id !== chosen))
                input.current?.focus()
              }}
            >
              Leave out
            </button>
          </li>
        ))}
      </ul>
    </fieldset>
  )
}
