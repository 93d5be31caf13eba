import type { Action, ExtractionStatus } from './status.ts'

type Status = Pick<ExtractionStatus, 'kind' | 'percent'>

/** What an action does, in a sentence: for whoever is about to decide. */
const CONSEQUENCES: Record<Action, (status: Status) => string> = {
  start: () => 'It begins: install, copy, verify, and on through the steps of the plan.',
  pause: () =>
    'It stands still; both sides keep what they own, and the streams run. Gates that fail still bring everybody back.',
  resume: () => 'It goes on from where it paused.',
  confirm: () =>
    'The former server must be gone for good; what the new one lacks is lost there, and writes begin again.',
  promote: ({ percent }) => `${percent} % of the users are at the service; more of them go there.`,
  rollback: ({ percent }) => `${percent} % of the users go back to the monolith.`,
  verify: () => 'All rows of both sides are compared now; nobody is held.',
  throttle: () => 'The copy goes no faster than that.',
  complete: ({ kind }) =>
    kind === 'tables'
      ? 'The streams and guards are dropped, and from then on the service alone has the rows: there is no way back.'
      : 'The routes stay with the service, and nothing judges them any more.',
  cancel: ({ kind }) =>
    kind === 'tables'
      ? 'Everything that was installed is dropped; another start copies all rows again.'
      : 'The monolith answers all of the routes again.',
  abandon: () =>
    'The service’s database is given up for good; what it acknowledged and did not send back is lost.',
  drop: () => 'The old tables are dropped from the monolith’s database.',
}

export function consequence(action: Action, status: Status): string {
  return CONSEQUENCES[action](status)
}
