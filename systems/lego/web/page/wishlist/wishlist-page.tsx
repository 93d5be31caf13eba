import {
  type Announcements,
  closestCenter,
  DndContext,
  type DragEndEvent,
  KeyboardSensor,
  PointerSensor,
  type ScreenReaderInstructions,
  useSensor,
  useSensors,
} from '@dnd-kit/core'
import {
  SortableContext,
  sortableKeyboardCoordinates,
  verticalListSortingStrategy,
} from '@dnd-kit/sortable'
import { useRef, useState } from 'react'
import { FailureNotice } from '../ui/notice.tsx'
import { PageHeading } from '../ui/page-heading.tsx'
import { NewItemForm } from './new-item-form.tsx'
import { type Saving, useWishlist } from './use-wishlist.ts'
import { WishlistRow } from './wishlist-row.tsx'

/** A press that moves less than this is no dragging, pixels. */
const STEADY_PX = 6

const INSTRUCTIONS: ScreenReaderInstructions = {
  draggable:
    'To move it, press space, then the arrow keys, and space again to drop it. Escape puts it back.',
}

const SAVING: Record<Exclude<Saving, null>, string> = {
  saving: 'Saving the order…',
  saved: 'The order is saved',
  refused: 'The order was not saved',
}

export function WishlistPage() {
  const { list, items, saving, refusal, move, add, change, remove } = useWishlist()
  const [adding, setAdding] = useState(false)
  const addButton = useRef<HTMLButtonElement>(null)
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: STEADY_PX } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  )
  const placeOf = (id: unknown) => items.findIndex((item) => item.id === id)
  const dropped = ({ active, over }: DragEndEvent) => {
    if (over && active.id !== over.id) move(String(active.id), placeOf(over.id))
  }
  const named = (id: unknown) => items[placeOf(id)]?.title ?? 'The item'
  /** Where what is dragged is by what was last said. */
  const said = useRef(-1)
  const announcements: Announcements = {
    onDragStart({ active }) {
      said.current = placeOf(active.id)
      return `${named(active.id)} is picked up, place ${said.current + 1} of ${items.length}.`
    },
    onDragOver({ active, over }) {
      const place = over ? placeOf(over.id) : said.current
      if (place === said.current) return undefined
      said.current = place
      return `${named(active.id)} is over place ${place + 1}.`
    },
    // What came of it the page says itself.
    onDragEnd: () => undefined,
    onDragCancel: ({ active }) => `${named(active.id)} is back where it was.`,
  }
  const bought = items.filter(({ isAcquired }) => isAcquired).length
  return (
    <>
      <div className="title-row">
        <PageHeading>Wishlist</PageHeading>
        <button
          ref={addButton}
          type="button"
          className="primary"
          aria-expanded={adding}
          onClick={() => setAdding(!adding)}
        >
          Add a set
        </button>
      </div>
      {adding && (
        <NewItemForm
          adding={add}
          onClose={() => {
            setAdding(false)
            addButton.current?.focus()
          }}
        />
      )}
      <FailureNotice error={list.error} retry={() => void list.refetch()} />
      <FailureNotice error={refusal} title="The new order was not saved" />
      <FailureNotice error={change.error ?? remove.error} title="That was not saved" />
      {list.isPending && <p className="loading">Loading…</p>}
      {list.isSuccess && items.length === 0 && !adding && (
        <p className="empty">Nothing yet. Add the sets you would like to have.</p>
      )}
      {items.length > 0 && (
        <>
          <p className="summary">
            <span>
              {items.length} {items.length === 1 ? 'set' : 'sets'}, {bought} of them yours already
            </span>
            <span className={`saving ${saving ?? ''}`}>{saving && SAVING[saving]}</span>
          </p>
          <DndContext
            sensors={sensors}
            collisionDetection={closestCenter}
            accessibility={{ announcements, screenReaderInstructions: INSTRUCTIONS }}
            onDragEnd={dropped}
          >
            <SortableContext items={items} strategy={verticalListSortingStrategy}>
              <ol className="wishes">
                {items.map((item, place) => (
                  <WishlistRow
                    key={item.id}
                    item={item}
                    place={place}
                    last={items.length - 1}
                    onMove={(to) => move(item.id, to)}
                    onAcquired={(isAcquired) => change.mutate({ id: item.id, isAcquired })}
                    onRemove={() => remove.mutate(item)}
                  />
                ))}
              </ol>
            </SortableContext>
          </DndContext>
        </>
      )}
    </>
  )
}
