/** A file as it was sent. */
export interface Upload {
  readonly name: string
  readonly mimeType: string
  readonly content: Buffer
}
