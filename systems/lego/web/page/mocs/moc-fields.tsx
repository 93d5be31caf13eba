import { THEMES } from '../api/types.ts'
import { Field, tagsOf, textOf } from '../ui/field.tsx'

interface Known {
  readonly title: string
  readonly description: string | null
  readonly author: string | null
  readonly theme: string | null
  readonly tags: readonly string[]
  readonly thumbnailUrl: string | null
}

/** What is told of a MOC, to be typed; empty, or as it is known. */
export function MocFields({ known }: { readonly known?: Known }) {
  return (
    <div className="fields">
      <Field label="Title">
        {(ids) => (
          <input {...ids} name="title" required maxLength={200} defaultValue={known?.title} />
        )}
      </Field>
      <Field label="Theme">
        {(ids) => (
          <select {...ids} name="theme" defaultValue={known?.theme ?? ''}>
            <option value="">Not said</option>
            {THEMES.map((theme) => (
              <option key={theme}>{theme}</option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Designed by">
        {(ids) => (
          <input {...ids} name="author" maxLength={120} defaultValue={known?.author ?? ''} />
        )}
      </Field>
      <Field label="Tags" hint="With commas between them.">
        {(ids) => <input {...ids} name="tags" defaultValue={known?.tags.join(', ')} />}
      </Field>
      <Field label="Address of a picture">
        {(ids) => (
          <input
            {...ids}
            name="thumbnailUrl"
            type="url"
            maxLength={1000}
            placeholder="https://"
            defaultValue={known?.thumbnailUrl ?? ''}
          />
        )}
      </Field>
      <Field label="Description" wide>
        {(ids) => (
          <textarea
            {...ids}
            name="description"
            rows={4}
            maxLength={10_000}
            defaultValue={known?.description ?? ''}
          />
        )}
      </Field>
    </div>
  )
}

/** As the API takes it. */
export function mocOf(form: FormData): object {
  return {
    title: textOf(form, 'title') ?? '',
    description: textOf(form, 'description'),
    author: textOf(form, 'author'),
    theme: textOf(form, 'theme'),
    tags: tagsOf(form, 'tags'),
    thumbnailUrl: textOf(form, 'thumbnailUrl'),
  }
}
