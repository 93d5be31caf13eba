import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Clinic, lines, NOTES, NOTES_SPEC, only, openClinic } from './fixture.ts'

let clinic: Clinic
beforeAll(async () => {
  clinic = await openClinic()
})
afterAll(() => clinic?.close())

describe('the doctor, on keys', () => {
  it('refuses tables whose rows cannot be told apart, each with the key that fits it', async () => {
    const findings = await clinic.examine({
      source: `${NOTES}
        CREATE TABLE public.log (user_id text NOT NULL, said text);
        CREATE TABLE public.tags (id int PRIMARY KEY);
        CREATE TABLE public.notes_tags (user_id text NOT NULL, note_id bigint REFERENCES public.notes, tag_id int REFERENCES public.tags);
        INSERT INTO public.tags VALUES (1); INSERT INTO public.notes (user_id, body) VALUES ('u', 'b');
        INSERT INTO public.notes_tags VALUES ('u', 1, 1), ('u', 1, 1), ('u', 1, 1);
        CREATE TABLE public.slugs (user_id text NOT NULL, slug text NOT NULL);
        CREATE UNIQUE INDEX slugs_key ON public.slugs (user_id, slug);`,
      tables: [
        NOTES_SPEC,
        ...['log', 'notes_tags', 'slugs'].map((name) => ({
          source: `public.${name}`,
          target: `public.${name}`,
          owner: 'user_id',
        })),
      ],
    })
    expect(only(findings, 'no-key')[0]).toMatchObject({
      severity: 'error',
      subject: 'source "public"."log"',
    })
    const [join] = only(findings, 'join-table-without-key')
    expect(join!.finding).toContain('2 duplicate rows')
    expect(join!.mend).toContain('ADD PRIMARY KEY ("note_id", "tag_id")')
    const [borrowed] = only(findings, 'replica-identity-borrowed')
    expect(borrowed).toMatchObject({ severity: 'note', subject: 'source "public"."slugs"' })
    expect(borrowed!.finding).toContain('"slugs_key" is made its REPLICA IDENTITY')
  })

  it('accepts its own mend', async () => {
    const findings = await clinic.examine({
      source: `CREATE TABLE public.slugs (user_id text NOT NULL, slug text NOT NULL);
        CREATE UNIQUE INDEX slugs_key ON public.slugs (user_id, slug);
        ALTER TABLE "public"."slugs" REPLICA IDENTITY USING INDEX "slugs_key";`,
      tables: [{ source: 'public.slugs', target: 'public.slugs', owner: 'user_id' }],
    })
    expect(findings.filter((one) => one.severity === 'error')).toEqual([])
  })
})

describe('the doctor, on owners', () => {
  it('tells owner keys that are missing, empty, computed, changed, or only in a parent', async () => {
    const findings = await clinic.examine({
      source: `${NOTES}
        CREATE TABLE public.people (id text PRIMARY KEY);
        CREATE TABLE public.a (id int PRIMARY KEY);
        CREATE TABLE public.b (id int PRIMARY KEY, user_id text);
        CREATE TABLE public.c (id int PRIMARY KEY, who text, user_id text GENERATED ALWAYS AS (lower(who)) STORED);
        CREATE TABLE public.d (id int PRIMARY KEY, user_id text NOT NULL REFERENCES public.people ON UPDATE CASCADE);
        CREATE TABLE public.e (id int PRIMARY KEY, user_id numeric NOT NULL);
        CREATE TABLE public.f (id int PRIMARY KEY, note_id bigint REFERENCES public.notes);
        CREATE FUNCTION public.own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.user_id = 'x' THEN NEW.user_id := lower(NEW.user_id); END IF; RETURN NEW; END $$;
        CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.user_id = 'x' THEN RAISE 'no'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER own BEFORE INSERT ON public.b FOR EACH ROW EXECUTE FUNCTION public.own();
        CREATE TRIGGER look BEFORE INSERT ON public.b FOR EACH ROW EXECUTE FUNCTION public.look();
        CREATE TABLE public.g (id int PRIMARY KEY, user_id text NOT NULL) PARTITION BY RANGE (id);
        CREATE TRIGGER "~late" BEFORE INSERT ON public.d FOR EACH ROW EXECUTE FUNCTION public.own();
        CREATE TRIGGER "~late" BEFORE INSERT ON public.g FOR EACH ROW EXECUTE FUNCTION public.own();`,
      tables: [
        NOTES_SPEC,
        ...['a', 'b', 'c', 'd', 'e', 'g'].map((name) => ({
          source: `public.${name}`,
          target: `public.${name}`,
          owner: 'user_id',
        })),
        { source: 'public.f', target: 'public.f', owner: null },
      ],
    })
    const source = lines(findings.filter((one) => one.check.startsWith('owner-'))).filter((line) =>
      line.includes('source'),
    )
    expect(source.sort()).toEqual([
      'error owner-changed-by-trigger source "public"."g"',
      'error owner-generated source "public"."c"',
      'error owner-missing source "public"."a"',
      'warning owner-changed-by-reference source "public"."d"',
      'warning owner-changed-by-trigger source "public"."b"',
      'warning owner-changed-by-trigger source "public"."d"',
      'warning owner-in-parent source "public"."f"',
      'warning owner-nullable source "public"."b"',
      'warning owner-type source "public"."e"',
    ])
    expect(only(findings, 'whole-table-step')[0]!.finding).toContain('100 %')
  })

  it('warns of values that two sides could each accept once, and not of those they cannot', async () => {
    const findings = await clinic.examine({
      source: `CREATE TABLE public.notes (
          id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, user_id text NOT NULL, slug text UNIQUE, ref uuid UNIQUE, UNIQUE (user_id, ref));
        CREATE TABLE public.lines (note_id bigint REFERENCES public.notes, n int, user_id text NOT NULL, PRIMARY KEY (note_id, n));
        CREATE TABLE public.codes (code text PRIMARY KEY, user_id text NOT NULL)`,
      tables: ['notes', 'lines', 'codes'].map((name) => ({
        source: `public.${name}`,
        target: `public.${name}`,
        owner: 'user_id',
      })),
    })
    const found = only(findings, 'unique-across-owners').filter((one) =>
      one.subject.startsWith('source'),
    )
    expect(found.map((one) => /"(\w+_key|\w+_pkey)"/.exec(one.finding)![1])).toEqual([
      'codes_pkey',
      'notes_slug_key',
    ])
  })

  it('warns of a route that names nobody over tables that move owner by owner', async () => {
    const findings = await clinic.examine({
      source: NOTES,
      tables: [NOTES_SPEC],
      extraction: {
        routes: [{ methods: ['POST'], path: '/notes/all', owner: { from: 'whole' } }],
      },
    })
    expect(lines(only(findings, 'route-over-owners'))).toEqual([
      'warning route-over-owners route POST /notes/all',
    ])
  })
})

describe('the doctor, on the tables themselves', () => {
  it('tells sequences that two sides cannot share', async () => {
    const findings = await clinic.examine({
      source: `CREATE SEQUENCE public.numbers;
        CREATE TABLE public.notes (id serial PRIMARY KEY, user_id text NOT NULL, n bigint DEFAULT nextval('public.numbers'));
        CREATE TABLE public.others (n bigint DEFAULT nextval('public.numbers'));
        ALTER SEQUENCE public.notes_id_seq CACHE 20 CYCLE;
        SELECT setval('public.notes_id_seq', 2000000000);`,
      target: 'CREATE TABLE public.notes (id serial PRIMARY KEY, user_id text NOT NULL, n bigint)',
      tables: [NOTES_SPEC],
    })
    expect(lines(findings.filter((one) => one.check.startsWith('sequence-')))).toEqual([
      'error sequence-cache source sequence public.notes_id_seq',
      'error sequence-cycle source sequence public.notes_id_seq',
      'warning sequence-overflow source sequence public.notes_id_seq',
      'warning sequence-shared source sequence public.numbers',
      'warning sequence-one-sided target "public"."notes"',
    ])
    expect(only(findings, 'sequence-cache')[0]!.mend).toContain(
      'ALTER SEQUENCE public.notes_id_seq CACHE 1;',
    )
  })

  it('tells kinds of table that cannot be guarded or streamed', async () => {
    const table = 'id bigint PRIMARY KEY, user_id text NOT NULL'
    const findings = await clinic.examine({
      source: `
        CREATE UNLOGGED TABLE public.unlogged (${table});
        CREATE TABLE public.parted (${table}) PARTITION BY RANGE (id);
        CREATE TABLE public.parent (${table}); CREATE TABLE public.child () INHERITS (public.parent);
        CREATE TABLE public.secret (${table}); ALTER TABLE public.secret ENABLE ROW LEVEL SECURITY;
        CREATE TABLE public.derived (${table}, upper_id text GENERATED ALWAYS AS (upper(user_id)) STORED);
        CREATE VIEW public.seen AS SELECT * FROM public.parent;`,
      tables: ['unlogged', 'parted', 'parent', 'secret', 'derived', 'seen', 'derivd'].map(
        (name) => ({
          source: `public.${name}`,
          target: `public.${name}`,
          owner: 'user_id',
        }),
      ),
    })
    const source = findings.filter((one) => one.subject.startsWith('source '))
    expect(lines(source)).toEqual(
      expect.arrayContaining([
        'error table-missing source public.derivd',
        'error table-kind source "public"."seen"',
        'error table-inherited source "public"."parent"',
        'error table-unlogged source "public"."unlogged"',
        'note table-partitioned source "public"."parted"',
        'note row-level-security source "public"."secret"',
        'note generated-columns source "public"."derived"',
      ]),
    )
  })

  it('tells what is wrong with a mapping, and what a rollback would lose', async () => {
    const findings = await clinic.examine({
      source: `${NOTES} CREATE TABLE public.marks (id int PRIMARY KEY, user_id text NOT NULL, old text)`,
      target: `CREATE TABLE public.notes (id bigint PRIMARY KEY, user_id text NOT NULL);
        CREATE TABLE public.marks (id int PRIMARY KEY, user_id text NOT NULL)`,
      tables: [
        NOTES_SPEC,
        {
          source: 'public.marks',
          target: 'public.marks',
          owner: 'user_id',
          forward: { id: 'id', user_id: 'user_id' },
        },
      ],
    })
    expect(only(findings, 'mapping')).toMatchObject([{ severity: 'error' }])
    expect(only(findings, 'mapping')[0]!.finding).toContain('"body"')
    expect(only(findings, 'mapping-one-way')[0]!.finding).toContain('public.marks.old')
  })
})
