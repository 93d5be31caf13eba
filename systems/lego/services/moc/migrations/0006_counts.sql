-- How many MOCs there are is the sum of this: a page of ten would read all of them to count them. Each statement that
-- adds or removes MOCs adds a row of its own, and so waits for no other; now and then they are made one
-- (`sumUpCounts`).
CREATE TABLE moc.mocs_counted (
  -- Some publish all tables, and then none may change without a key.
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  change bigint NOT NULL
);

-- Whoever writes MOCs, replication too, may write none of the counts itself.
CREATE FUNCTION moc.count_mocs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  CASE TG_OP
    WHEN 'INSERT' THEN
      INSERT INTO moc.mocs_counted (change) SELECT count(*) FROM changed HAVING count(*) > 0;
    WHEN 'DELETE' THEN
      INSERT INTO moc.mocs_counted (change) SELECT -count(*) FROM changed HAVING count(*) > 0;
    ELSE
      TRUNCATE moc.mocs_counted;
  END CASE;
  RETURN NULL;
END $$;
CREATE TRIGGER count_created AFTER INSERT ON moc.mocs REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION moc.count_mocs();
CREATE TRIGGER count_deleted AFTER DELETE ON moc.mocs REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION moc.count_mocs();
CREATE TRIGGER count_truncated AFTER TRUNCATE ON moc.mocs
  FOR EACH STATEMENT EXECUTE FUNCTION moc.count_mocs();
ALTER TABLE moc.mocs ENABLE ALWAYS TRIGGER count_created;
ALTER TABLE moc.mocs ENABLE ALWAYS TRIGGER count_deleted;
ALTER TABLE moc.mocs ENABLE ALWAYS TRIGGER count_truncated;
-- Nobody writes MOCs before this commits: its triggers lock the table.
INSERT INTO moc.mocs_counted (change) SELECT count(*) FROM moc.mocs;
