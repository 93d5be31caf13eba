/** Writes the page of all events. */
import { writeFileSync } from 'node:fs'
import { eventsPage } from './page.ts'

writeFileSync(new URL('README.md', import.meta.url), eventsPage())
