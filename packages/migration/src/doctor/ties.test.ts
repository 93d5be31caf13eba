import type { Pool } from '@banyan/postgres'
import { resolveTables, streamObjectName } from '@banyan/replication'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installExtraction } from '../install.ts'
import { type Clinic, lines, NOTES, NOTES_SPEC, only, openClinic } from './fixture.ts'

let clinic: Clinic
beforeAll(async () => {
  clinic = await openClinic()
})
afterAll(() => clinic?.close())

describe('the doctor, on what ties moved tables to the rest', () => {
  it('tells triggers into, out of and beside the moved tables, through the functions they call', async () => {
    const findings = await clinic.examine({
      source: `${NOTES}
        CREATE TABLE public.audit (at timestamptz DEFAULT now(), what text);
        CREATE TABLE public."Users" (id text PRIMARY KEY);
        CREATE TABLE public.limits (most int);
        CREATE FUNCTION public.write_audit(what text) RETURNS void LANGUAGE sql AS $$ INSERT INTO public.audit (what) VALUES (what) $$;
        CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM public.write_audit(NEW.body); RETURN NULL; END $$;
        CREATE FUNCTION public.limited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF (SELECT most FROM limits) < 1 THEN RAISE 'no'; END IF; RETURN NEW; END $$;
        CREATE FUNCTION public.stamped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          -- INSERT INTO audit is not done here
          NEW.body := trim(NEW.body); RETURN NEW; END $$;
        CREATE FUNCTION public.forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          DELETE FROM "notes" WHERE user_id = OLD.id; RETURN OLD; END $$;
        CREATE TRIGGER noted AFTER INSERT ON public.notes FOR EACH ROW EXECUTE FUNCTION public.noted();
        CREATE TRIGGER limited BEFORE INSERT ON public.notes FOR EACH ROW EXECUTE FUNCTION public.limited();
        CREATE TRIGGER stamped BEFORE INSERT ON public.notes FOR EACH ROW EXECUTE FUNCTION public.stamped();
        ALTER TABLE public.notes ENABLE ALWAYS TRIGGER stamped;
        CREATE TRIGGER forget BEFORE DELETE ON public."Users" FOR EACH ROW EXECUTE FUNCTION public.forget();
        CREATE RULE silent AS ON DELETE TO public.notes DO ALSO NOTHING;`,
      target: NOTES,
      tables: [NOTES_SPEC],
    })
    expect(lines(findings.filter((one) => /trigger|rule/.test(one.check)))).toEqual([
      'error trigger-into-unmoved source "public"."notes"',
      'error trigger-fires-on-apply source "public"."notes"',
      'error trigger-from-unmoved source public."Users"',
      'error rule-on-moved source "public"."notes"',
      'warning trigger-reads-unmoved source "public"."notes"',
      'note trigger-stays source "public"."notes"',
    ])
    const [into] = only(findings, 'trigger-into-unmoved')
    expect(into!.finding).toContain(
      'writes public.audit, which does not move (public.write_audit(text))',
    )
    expect(into!.mend).toContain('ALTER TABLE "public"."notes" DISABLE TRIGGER "noted";')
  })

  it('lets a trigger that does nothing but notify fire for rows that are applied, and no other', async () => {
    const notify = `PERFORM pg_notify('notes', OLD.id::text)`
    const bodies = {
      told: notify,
      told_too: notify.replace('pg_notify', 'pg_catalog.pg_notify'),
      counted: `${notify}; UPDATE public.counts SET n = n + 1`,
      called: `${notify}; PERFORM public.count_one()`,
      hidden: notify.replace('OLD.id', 'public.count_one()'),
      built: `${notify}; EXECUTE format('%s INTO counts', 'INSERT')`,
      before: notify,
    }
    const triggers = Object.entries(bodies).map(
      ([name, body]) => `
        CREATE FUNCTION public.${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          ${body}; RETURN NULL; END $$;
        CREATE TRIGGER ${name} ${name === 'before' ? 'BEFORE' : 'AFTER'} UPDATE OR DELETE ON public.notes
          FOR EACH ROW EXECUTE FUNCTION public.${name}();
        ALTER TABLE public.notes ENABLE ALWAYS TRIGGER ${name};`,
    )
    const findings = await clinic.examine({
      source: NOTES,
      target: `${NOTES} CREATE TABLE public.counts (n int);
        CREATE FUNCTION public.count_one() RETURNS int LANGUAGE sql AS $$ UPDATE public.counts SET n = n + 1 RETURNING n $$;
        ${triggers.join('')}`,
      tables: [NOTES_SPEC],
    })
    const found = (check: string) =>
      findings
        .filter((one) => one.check === check)
        .map((one) => `${one.severity} ${/"?(\w+)"? is ENABLE/.exec(one.finding)![1]}`)
    expect(found('trigger-notifies-on-apply')).toEqual(['note told', 'note told_too'])
    expect(found('trigger-fires-on-apply').sort()).toEqual(
      ['before', 'built', 'called', 'counted', 'hidden'].map((name) => `error ${name}`),
    )
  })

  it('tells foreign keys that cross the border, both ways, and those of the target', async () => {
    const findings = await clinic.examine({
      source: `CREATE TABLE public.users (id text PRIMARY KEY); CREATE TABLE public.places (id int PRIMARY KEY);
        ${NOTES}
        ALTER TABLE public.notes ADD place int REFERENCES public.places, ADD FOREIGN KEY (user_id) REFERENCES public.users ON DELETE CASCADE;
        CREATE TABLE public.shares (note_id bigint REFERENCES public.notes ON DELETE CASCADE);`,
      tables: [NOTES_SPEC],
    })
    expect(lines(findings.filter((one) => one.check.includes('foreign-key')))).toEqual([
      'warning foreign-key-out source "public"."notes"',
      'warning foreign-key-cascade source "public"."notes"',
      'warning foreign-key-in source "public"."notes"',
      'warning target-foreign-key target "public"."notes"',
      'warning target-foreign-key target "public"."notes"',
    ])
  })

  it('lists the views and functions elsewhere that read or write the moved tables', async () => {
    const findings = await clinic.examine({
      source: `${NOTES}
        CREATE VIEW public.recent AS SELECT * FROM public.notes;
        CREATE MATERIALIZED VIEW public.counts AS SELECT count(*) FROM public.recent;
        CREATE FUNCTION public.how_many() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM public.notes $$;
        CREATE FUNCTION public.merge_users(a text, b text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
          UPDATE notes SET user_id = b WHERE user_id = a; END $$;
        CREATE FUNCTION public.unrelated() RETURNS text LANGUAGE sql AS $$ SELECT 'notes' $$;`,
      target: NOTES,
      tables: [NOTES_SPEC],
    })
    expect(lines(findings.filter((one) => /view|function/.test(one.check)))).toEqual([
      'warning function-writes-moved source public.merge_users(text, text)',
      'note view-reads-moved source public.counts',
      'note view-reads-moved source public.recent',
      'note function-reads-moved source public.how_many()',
    ])
  })

  it('tells statements that change rows of many owners, as far as the server has counted them', async () => {
    const findings = await clinic.examine(
      {
        source: `${NOTES} CREATE EXTENSION pg_stat_statements SCHEMA public`,
        target: NOTES,
        tables: [NOTES_SPEC],
      },
      async ({ source }) => {
        await source.query(
          'INSERT INTO public.notes (user_id, body) SELECT n % 5, n FROM generate_series(1, 500) n',
        )
        await source.query("UPDATE public.notes SET body = body || '!'")
        await source.query("UPDATE public.notes SET body = body || '?' WHERE user_id = $1", ['1'])
        return async () => {}
      },
    )
    const bulk = only(findings, 'bulk-statement')
    expect(bulk.map((one) => one.severity)).toEqual(['warning'])
    expect(bulk[0]!.finding).toContain('changes 500 rows a call')
  })
})

describe('the doctor, on other replication and earlier attempts', () => {
  it('tells publications that carry moved tables, and subscriptions that write them', async () => {
    const findings = await clinic.examine({
      source: `${NOTES} CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION feed_of_notes FOR TABLE public.notes;
        CREATE SUBSCRIPTION feed CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false);
        INSERT INTO pg_subscription_rel SELECT oid, 'public.notes'::regclass, 'r', NULL FROM pg_subscription`,
      target: NOTES,
      tables: [NOTES_SPEC],
    })
    expect(lines(findings.filter((one) => /publication|subscription/.test(one.check)))).toEqual([
      'error subscription-writes-moved source subscription "feed"',
      'warning publication-all-tables source publication "everything"',
      'warning publication-includes-moved source publication "feed_of_notes"',
    ])
  })

  it('refuses a target that has rows, and objects that an earlier attempt left behind', async () => {
    const findings = await clinic.examine(
      { source: NOTES, tables: [NOTES_SPEC] },
      async ({ source, target }) => {
        await target.query("INSERT INTO public.notes (user_id, body) VALUES ('a', 'b')")
        await source.query('CREATE PUBLICATION banyan_notes_forward FOR TABLE public.notes')
        await source.query(
          "SELECT pg_create_logical_replication_slot('banyan_notes_forward', 'pgoutput')",
        )
        return () => source.query("SELECT pg_drop_replication_slot('banyan_notes_forward')")
      },
    )
    expect(lines(findings.filter((one) => /left-behind|not-empty/.test(one.check)))).toEqual([
      'error left-behind source slot banyan_notes_forward',
      'error left-behind source publication banyan_notes_forward',
      'error target-not-empty target "public"."notes"',
    ])
  })

  it('takes nothing of a running extraction for trouble', async () => {
    const findings = await clinic.examine(
      { source: NOTES, tables: [NOTES_SPEC] },
      async ({ source, target }) => {
        const tables = await resolveTables(source, target, [NOTES_SPEC])
        await installExtraction(target, 'target', 'notes', tables)
        await installExtraction(source, 'source', 'notes', tables)
        const slots: [Pool, string][] = [
          [source, streamObjectName('notes', 'forward')],
          [target, streamObjectName('notes', 'reverse')],
        ]
        for (const [pool, name] of slots) {
          await pool.query(`CREATE PUBLICATION ${name} FOR TABLE public.notes`)
          await pool.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [name])
        }
        await source.query("INSERT INTO public.notes (user_id, body) VALUES ('a', 'b')")
        return async () => {
          for (const [pool, name] of slots) {
            await pool.query('SELECT pg_drop_replication_slot($1)', [name])
          }
        }
      },
    )
    expect(findings.filter((one) => one.severity !== 'note')).toEqual([])
  })
})
