/** By code; `{name}` in a detail is filled with the value of that name. */
export type Catalogue = Readonly<
  Record<string, { readonly status: number; readonly title: string; readonly detail: string }>
>
