import { createPool, EmbeddedPostgres, type Pool } from '@banyan/postgres'
import type { StepPlan } from '../plan.ts'
import type { ForumSystem } from './forum-system.ts'

const NOTES = 'CREATE TABLE public.notes (id bigserial PRIMARY KEY, owner text, body text);'

/** Adds a second extraction, "notes", whose target is on a server of its own, to be killed. */
export async function addNotes(
  forum: ForumSystem,
  steps: readonly StepPlan[],
): Promise<EmbeddedPostgres> {
  const server = await EmbeddedPostgres.start()
  await forum.source.query(
    `${NOTES} INSERT INTO public.notes (owner, body) SELECT i % 50, 'note ' || i FROM generate_series(1, 500) i`,
  )
  const databaseUrl = await server.createDatabase('notes')
  const target = createPool(databaseUrl, { name: 'notes' })
  await target.query(NOTES)
  await target.end()
  forum.add({
    ...forum.posts,
    completeAfter: [],
    name: 'notes',
    service: { url: forum.posts.service.url, databaseUrl },
    routes: [{ methods: [], path: '/api/notes' }],
    tables: [{ source: 'public.notes', target: 'public.notes', owner: 'owner' }],
    steps,
  })
  return server
}

/** Does what leads to a step of "notes", and lets the engine wait, while it writes that step's intent, for `act`. */
export async function atStep(
  forum: ForumSystem,
  control: Pool,
  step: string,
  lead: () => Promise<unknown>,
  act: () => Promise<void>,
): Promise<void> {
  await control.query(`
    CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
    CREATE TRIGGER wait AFTER INSERT ON banyan_control.ledger FOR EACH ROW
      WHEN (NEW.extraction = 'notes' AND NEW.kind = 'intent' AND NEW.what = '${step}')
      EXECUTE FUNCTION public.wait()`)
  const client = await control.connect()
  await client.query('SELECT pg_advisory_lock(4711)')
  await lead()
  await forum.waitFor(async () => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted`,
    )
    return rowCount === 1
  })
  await act()
  await client.query('SELECT pg_advisory_unlock(4711)')
  client.release()
  await control.query('DROP FUNCTION public.wait CASCADE')
}
