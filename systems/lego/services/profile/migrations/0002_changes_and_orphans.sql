-- Says which profile changed, whoever changed it: what is cached of it is old. Also what replication writes,
-- hence ALWAYS. A profile that is new was cached nowhere.
CREATE FUNCTION profile.tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('profile_changed', OLD.user_id);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_change AFTER UPDATE OR DELETE ON profile.profiles
  FOR EACH ROW EXECUTE FUNCTION profile.tell_change();
ALTER TABLE profile.profiles ENABLE ALWAYS TRIGGER tell_change;

-- Profiles whose user the Auth Service did not know when it was asked, and since when.
CREATE TABLE profile.orphans (
  user_id text PRIMARY KEY,
  missing_since timestamptz NOT NULL DEFAULT now()
);

-- How far the search for them has come: one row.
CREATE TABLE profile.orphan_search (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  after_user_id text NOT NULL DEFAULT ''
);
INSERT INTO profile.orphan_search DEFAULT VALUES;
