import type { UseMutationResult } from '@tanstack/react-query'
import { type FormEvent, useEffect, useRef } from 'react'
import { THEMES, type WishlistItem } from '../api/types.ts'
import { Field, textOf } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'

/** Adds one item after the other until it is closed. */
export function NewItemForm({
  adding,
  onClose,
}: {
  readonly adding: UseMutationResult<WishlistItem, Error, object>
  onClose(): void
}) {
  const title = useRef<HTMLInputElement>(null)
  useEffect(() => title.current?.focus(), [])
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const element = event.currentTarget
    const form = new FormData(element)
    const price = textOf(form, 'price')
    const item = {
      title: textOf(form, 'title') ?? '',
      category: textOf(form, 'category'),
      description: textOf(form, 'description'),
      productLink: textOf(form, 'productLink'),
      quantity: Number(form.get('quantity')),
      price: price === null ? null : Number(price),
    }
    adding.mutate(item, {
      onSuccess: () => {
        element.reset()
        title.current?.focus()
      },
    })
  }
  return (
    <form className="card" onSubmit={submit} aria-label="Add a set">
      <div className="fields">
        <Field label="Name of the set">
          {(ids) => <input {...ids} ref={title} name="title" required maxLength={200} />}
        </Field>
        <Field label="Theme">
          {(ids) => (
            <select {...ids} name="category">
              <option value="">Not said</option>
              {THEMES.map((theme) => (
                <option key={theme}>{theme}</option>
              ))}
            </select>
          )}
        </Field>
        <Field label="How many">
          {(ids) => (
            <input
              {...ids}
              name="quantity"
              type="number"
              min={1}
              max={999}
              defaultValue={1}
              required
            />
          )}
        </Field>
        <Field label="Price">
          {(ids) => <input {...ids} name="price" type="number" min={0} step="0.01" />}
        </Field>
        <Field label="Where to buy it">
          {(ids) => (
            <input {...ids} name="productLink" type="url" maxLength={1000} placeholder="https://" />
          )}
        </Field>
        <Field label="Note">
          {(ids) => <input {...ids} name="description" maxLength={2000} />}
        </Field>
      </div>
      <FailureNotice error={adding.error} title="It was not added" />
      <div className="actions">
        <button type="submit" className="primary" disabled={adding.isPending}>
          {adding.isPending ? 'Adding…' : 'Add to the wishlist'}
        </button>
        <button type="button" className="quiet" onClick={onClose}>
          Close
        </button>
      </div>
    </form>
  )
}
