import { useSortable } from '@dnd-kit/sortable'
import { CSS } from '@dnd-kit/utilities'
import { memo } from 'react'
import type { WishlistItem } from '../api/types.ts'
import { ConfirmButton } from '../ui/confirm-button.tsx'
import { Picture } from '../ui/picture.tsx'

const money = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/** What makes room for what is dragged slides there; not for those who asked for stillness. */
const STILL = matchMedia('(prefers-reduced-motion: reduce)').matches

interface Props {
  readonly item: WishlistItem
  readonly place: number
  /** The place of the last one. */
  readonly last: number
  onMove(to: number): void
  onAcquired(isAcquired: boolean): void
  onRemove(): void
}

/** One item: dragged by its handle, or moved by its buttons (WCAG 2.2, 2.5.7). */
export const WishlistRow = memo(function WishlistRow(props: Props) {
  const { item, place, last, onMove, onAcquired, onRemove } = props
  const { title, description, productLink, imageUrl, category, quantity, price, isAcquired } = item
  const {
    attributes,
    listeners,
    setNodeRef,
    setActivatorNodeRef,
    transform,
    transition,
    isDragging,
  } = useSortable({ id: item.id, ...(STILL ? { transition: null } : {}) })
  const details = [
    category,
    quantity > 1 ? `${quantity} ×` : null,
    price === null ? null : money.format(price),
  ].filter((one) => one !== null)
  return (
    <li
      ref={setNodeRef}
      className={`wish ${isDragging ? 'dragging' : ''} ${isAcquired ? 'acquired' : ''}`}
      style={{ transform: CSS.Translate.toString(transform), transition }}
    >
      <button
        type="button"
        className="handle"
        ref={setActivatorNodeRef}
        {...attributes}
        {...listeners}
        aria-label={`Move ${title}`}
      >
        <span aria-hidden="true" className="grip" />
      </button>
      <div className="wish-picture">
        <Picture url={imageUrl} name={title} />
      </div>
      <div className="wish-words">
        <h2>
          {productLink ? (
            <a href={productLink} target="_blank" rel="noreferrer">
              {title}
            </a>
          ) : (
            title
          )}
        </h2>
        <p className="muted">{details.join(' · ')}</p>
        {description && <p className="wish-note">{description}</p>}
      </div>
      <div className="wish-actions">
        <label className="check">
          <input
            type="checkbox"
            aria-label={`Have it: ${title}`}
            checked={isAcquired}
            onChange={(event) => onAcquired(event.target.checked)}
          />
          Have it
        </label>
        <button
          type="button"
          className="icon"
          disabled={place === 0}
          aria-label={`Move ${title} up`}
          onClick={() => onMove(place - 1)}
        >
          <span aria-hidden="true">↑</span>
        </button>
        <button
          type="button"
          className="icon"
          disabled={place === last}
          aria-label={`Move ${title} down`}
          onClick={() => onMove(place + 1)}
        >
          <span aria-hidden="true">↓</span>
        </button>
        <ConfirmButton label={`Remove ${title}`} question="Remove it?" onConfirm={onRemove}>
          Remove
        </ConfirmButton>
      </div>
    </li>
  )
})
