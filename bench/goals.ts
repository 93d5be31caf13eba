export interface Goal {
  /** Where the figure stands in the report. */
  readonly name: string
  /** `>= 0.8`, `<= 250`. */
  readonly goal: string
  readonly measured: number
  readonly met: boolean
}

/** Exactly one of `atLeast` and `atMost` is there; reached exactly is met. */
export interface GoalOf<Figures> {
  readonly name: string
  readonly of: (figures: Figures) => number | undefined
  readonly atLeast?: number
  readonly atMost?: number
}

/** Each goal whose figure was measured. A figure that is not a number misses its goal. */
export function judgeAll<Figures>(goals: readonly GoalOf<Figures>[], figures: Figures): Goal[] {
  return goals.flatMap(({ name, of, atLeast, atMost }) => {
    const measured = of(figures)
    if (measured === undefined) return []
    const met = atLeast === undefined ? measured <= atMost! : measured >= atLeast
    const goal = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`
    return [{ name, goal, measured, met }]
  })
}
