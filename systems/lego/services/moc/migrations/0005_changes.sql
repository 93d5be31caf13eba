-- Says which MOC changed, whoever changed it: what is cached of it is old. Also what replication writes, hence ALWAYS.
-- A MOC that is new was cached nowhere. Such commits wait for each other (NOTIFY: a lock of the whole server): MOCs
-- change tens of times a second, where thousands would be too many (docs/decisions/088).
CREATE FUNCTION moc.tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('moc_changed', OLD.id::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_change AFTER UPDATE OR DELETE ON moc.mocs
  FOR EACH ROW EXECUTE FUNCTION moc.tell_change();
ALTER TABLE moc.mocs ENABLE ALWAYS TRIGGER tell_change;

-- No row is told of when all go at once: whatever was kept before is past.
CREATE FUNCTION moc.tell_truncation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('moc_changed_generation', gen_random_uuid()::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_truncation AFTER TRUNCATE ON moc.mocs
  FOR EACH STATEMENT EXECUTE FUNCTION moc.tell_truncation();
ALTER TABLE moc.mocs ENABLE ALWAYS TRIGGER tell_truncation;
