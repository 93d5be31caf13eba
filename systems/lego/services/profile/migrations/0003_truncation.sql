-- No row is told of when all go at once: whatever was kept before is past (docs/decisions/088).
CREATE FUNCTION profile.tell_truncation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('profile_changed_generation', gen_random_uuid()::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_truncation AFTER TRUNCATE ON profile.profiles
  FOR EACH STATEMENT EXECUTE FUNCTION profile.tell_truncation();
ALTER TABLE profile.profiles ENABLE ALWAYS TRIGGER tell_truncation;
