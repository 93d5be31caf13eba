-- Another one with each change of the catalogue, whoever makes it: processes keep what they have looked up, and look
-- here before they believe it. By chance, so that none comes again, after a restore either.
CREATE TABLE processing.catalogue (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  generation uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO processing.catalogue DEFAULT VALUES;

CREATE FUNCTION processing.catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE processing.catalogue SET generation = gen_random_uuid();
  RETURN NULL;
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['parts', 'colours', 'colour_ids', 'part_ids', 'elements'] LOOP
    EXECUTE format(
      'CREATE TRIGGER catalogue_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON processing.%I
       FOR EACH STATEMENT EXECUTE FUNCTION processing.catalogue_changed()', name);
    -- Also for rows that replication writes.
    EXECUTE format('ALTER TABLE processing.%I ENABLE ALWAYS TRIGGER catalogue_changed', name);
  END LOOP;
END $$;
