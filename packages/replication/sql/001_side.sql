-- What is installed into each side's database, in the schema "banyan". All of it is dropped at the
-- end of the last extraction. See docs/handover.md for the protocol these parts serve.

-- The engine that may act here, an extraction: every flip and every applied transaction requires its
-- token. One for each, so that one that recovers takes nothing away from those beside it.
CREATE TABLE banyan.token (
  extraction text   PRIMARY KEY,
  token      bigint NOT NULL
);

CREATE TABLE banyan.engine (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  -- The login role that appliers use, and the word that exempts it from guards: a SET LOCAL alone
  -- could be guessed by any session, a role alone could be the application's own.
  applier name    NOT NULL DEFAULT session_user,
  secret  text    NOT NULL DEFAULT encode(sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')), 'hex')
);
INSERT INTO banyan.engine DEFAULT VALUES;

CREATE TABLE banyan.extraction (
  extraction text     PRIMARY KEY,
  -- Names the advisory locks and the counter of refusals.
  number     smallint NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY,
  side       text     NOT NULL CHECK (side IN ('source', 'target'))
);

CREATE TABLE banyan.ownership (
  extraction text        NOT NULL REFERENCES banyan.extraction ON DELETE CASCADE,
  bucket     smallint    NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
  state      text        NOT NULL CHECK (state IN ('open', 'closing', 'given', 'closed')),
  epoch      bigint      NOT NULL,
  opened_at  timestamptz NOT NULL DEFAULT '-infinity',
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (extraction, bucket)
) WITH (fillfactor = 50);

CREATE TABLE banyan.guarded (
  extraction text NOT NULL REFERENCES banyan.extraction ON DELETE CASCADE,
  relation   oid  NOT NULL,
  owner      name,
  function   name NOT NULL,
  PRIMARY KEY (extraction, relation)
);

-- How far the stream that ends here has been applied; written in the applied transaction itself.
CREATE TABLE banyan.progress (
  extraction text   NOT NULL REFERENCES banyan.extraction ON DELETE CASCADE,
  stream     text   NOT NULL CHECK (stream IN ('forward', 'reverse')),
  position   pg_lsn NOT NULL,
  token      bigint NOT NULL,
  PRIMARY KEY (extraction, stream)
) WITH (fillfactor = 10);

-- Barriers that were applied here, by their identity.
CREATE TABLE banyan.barrier (
  extraction text        NOT NULL REFERENCES banyan.extraction ON DELETE CASCADE,
  stream     text        NOT NULL,
  barrier    text        NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (extraction, stream, barrier)
);

-- How far each table has been copied; written with the rows.
CREATE TABLE banyan.copy (
  extraction text   NOT NULL REFERENCES banyan.extraction ON DELETE CASCADE,
  relation   text   NOT NULL,
  last_key   text[],
  rows       bigint NOT NULL DEFAULT 0,
  done       boolean NOT NULL DEFAULT false,
  PRIMARY KEY (extraction, relation)
);

CREATE FUNCTION banyan.bucket(owner_key text) RETURNS integer
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN (get_byte(sha256(convert_to(coalesce(owner_key, ''), 'UTF8')), 0) << 2)
       | (get_byte(sha256(convert_to(coalesce(owner_key, ''), 'UTF8')), 1) >> 6);

-- Raises the token of an extraction; the caller has ended its older backends. False: it was not lower.
CREATE FUNCTION banyan.raise_token(p_extraction text, p_token bigint) RETURNS boolean
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO banyan.token AS t VALUES (p_extraction, p_token)
    ON CONFLICT (extraction) DO UPDATE SET token = p_token WHERE t.token < p_token;
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE banyan.progress SET token = p_token WHERE extraction = p_extraction;
  RETURN true;
END $$;

CREATE FUNCTION banyan.require_token(p_extraction text, p_token bigint) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE highest bigint;
BEGIN
  SELECT token INTO highest FROM banyan.token WHERE extraction = p_extraction FOR UPDATE;
  IF highest IS DISTINCT FROM p_token THEN
    RAISE EXCEPTION USING ERRCODE = 'BN002',
      MESSAGE = format('engine token %s of extraction "%s" is not the current one (%s): another engine has taken over', p_token, p_extraction, highest);
  END IF;
END $$;

-- Lock class of an extraction's advisory locks: "ban" and its number.
CREATE FUNCTION banyan.lock_class(p_number integer) RETURNS integer
  LANGUAGE sql IMMUTABLE RETURN 1650552320 + p_number;

-- Moves buckets from one state to another, all or none, as one statement of an autocommit session
-- without a replication origin. Waits for the writers that hold a touched stripe; new ones wait behind it.
--
--   p_epoch    the new epoch of the buckets (null keeps it)
--   p_barrier  identity of the barrier to emit, or null
CREATE FUNCTION banyan.flip(
  p_token bigint, p_extraction text, p_buckets smallint[],
  p_from text[], p_to text, p_epoch bigint, p_barrier text
) RETURNS integer
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  class integer;
  stripe integer;
  flipped integer;
BEGIN
  PERFORM banyan.require_token(p_extraction, p_token);
  SELECT banyan.lock_class(number) INTO STRICT class FROM banyan.extraction WHERE extraction = p_extraction;
  FOR stripe IN SELECT DISTINCT b % 16 FROM unnest(p_buckets) b ORDER BY 1 LOOP
    PERFORM pg_advisory_xact_lock(class, stripe);
  END LOOP;
  UPDATE banyan.ownership o
     SET state = p_to,
         epoch = coalesce(p_epoch, o.epoch),
         opened_at = CASE WHEN p_to = 'open' THEN clock_timestamp() ELSE o.opened_at END,
         changed_at = clock_timestamp()
   WHERE o.extraction = p_extraction
     AND o.bucket = ANY (p_buckets)
     AND o.state = ANY (p_from)
     AND (p_epoch IS NULL OR p_epoch > o.epoch);
  GET DIAGNOSTICS flipped = ROW_COUNT;
  IF flipped <> cardinality(p_buckets) THEN
    RAISE EXCEPTION USING ERRCODE = 'BN003',
      MESSAGE = format('%s of %s buckets of extraction "%s" were %s below epoch %s: none was made %s',
        flipped, cardinality(p_buckets), p_extraction, p_from, p_epoch, p_to);
  END IF;
  IF p_barrier IS NOT NULL THEN
    PERFORM pg_logical_emit_message(true, 'banyan.barrier',
      json_build_object('extraction', p_extraction, 'barrier', p_barrier)::text);
  END IF;
  RETURN flipped;
END $$;

-- Refuses a write to a bucket that is not open here. Called with the stripe's lock held.
CREATE FUNCTION banyan.refuse(p_extraction text, p_number integer, p_bucket integer, p_relation text) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE o record;
BEGIN
  SELECT w.state, w.changed_at, e.side INTO o
    FROM banyan.ownership w JOIN banyan.extraction e USING (extraction)
   WHERE w.extraction = p_extraction AND w.bucket = p_bucket;
  -- A sequence, since it survives the rollback that the exception brings.
  PERFORM nextval(format('banyan.refused_%s', p_number));
  RAISE EXCEPTION USING ERRCODE = 'BN001',
    MESSAGE = format('%s: bucket %s of extraction "%s" is owned by the %s since %s; this write was refused',
      p_relation, p_bucket, p_extraction,
      CASE WHEN o.state = 'closing' THEN 'handover now running'
           WHEN o.side = 'source' THEN 'service' ELSE 'monolith' END,
      to_char(o.changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
    HINT = 'Send the write through the gateway, which knows the owner.';
END $$;

-- Puts the guard on a table (and so on its partitions). p_owner: the column of the owner key; null
-- when the table moves as one bucket.
CREATE FUNCTION banyan.guard(p_extraction text, p_relation regclass, p_owner name) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
DECLARE
  n integer;
  class integer;
  fn text;
  old_bucket text := CASE WHEN p_owner IS NULL THEN 'banyan.bucket(NULL)' ELSE format('banyan.bucket(OLD.%I::text)', p_owner) END;
  new_bucket text := CASE WHEN p_owner IS NULL THEN 'banyan.bucket(NULL)' ELSE format('banyan.bucket(NEW.%I::text)', p_owner) END;
  guarded text;
  changed text := CASE WHEN p_owner IS NULL THEN 'false' ELSE format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', p_owner) END;
BEGIN
  SELECT number INTO STRICT n FROM banyan.extraction WHERE extraction = p_extraction;
  class := banyan.lock_class(n);
  fn := format('guard_%s_%s', n, p_relation::oid);
  INSERT INTO banyan.guarded VALUES (p_extraction, p_relation, p_owner, fn) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  EXECUTE format('CREATE SEQUENCE IF NOT EXISTS banyan.refused_%s', n);
  EXECUTE format($f$
    CREATE FUNCTION banyan.%1$I() RETURNS trigger
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
    DECLARE
      b integer;
      o record;
    BEGIN
      IF TG_OP = 'DELETE' THEN b := %2$s; ELSE b := %3$s; END IF;
      LOOP
        -- Shared with other writers, exclusive for a flip. Taken for every row: a savepoint that is
        -- rolled back lets go of it, so no answer may be kept from an earlier row.
        PERFORM pg_advisory_xact_lock_shared(%4$s, b %% 16);
        IF current_setting('transaction_isolation') = 'read committed' THEN
          -- A statement after the lock: its snapshot is younger than any flip that held it.
          SELECT w.state, w.opened_at INTO o FROM banyan.ownership w
           WHERE w.extraction = %5$L AND w.bucket = b;
        ELSE
          -- An older snapshot cannot show the flip; the row lock makes it fail with 40001 instead.
          SELECT w.state, w.opened_at INTO o FROM banyan.ownership w
           WHERE w.extraction = %5$L AND w.bucket = b FOR SHARE;
        END IF;
        IF o.state IS DISTINCT FROM 'open' THEN
          PERFORM banyan.refuse(%5$L, %6$s, b, TG_RELID::regclass::text);
        ELSIF transaction_timestamp() < o.opened_at THEN
          RAISE EXCEPTION USING ERRCODE = '40001',
            MESSAGE = format('bucket %%s of extraction "%%s" was handed over while this transaction ran', b, %5$L),
            HINT = 'Run the transaction again.';
        END IF;
        -- An update that changes the owner key is a write to the old owner's bucket too.
        EXIT WHEN TG_OP <> 'UPDATE';
        EXIT WHEN NOT (%7$s) OR b = %2$s;
        b := %2$s;
      END LOOP;
      IF TG_OP = 'DELETE' THEN RETURN OLD; ELSE RETURN NEW; END IF;
    END $body$ $f$,
    fn, old_bucket, new_bucket, class, p_extraction, n, changed);
  -- Whom the guard lets pass: an applier, copier or repair of ours. As the trigger's condition, since a
  -- function call for each copied row costs more than the row. The catalog shows the secret's hash only.
  SELECT format($w$coalesce(current_setting('banyan.exempt', true), '') = ''
      OR session_user <> %L OR sha256(convert_to(current_setting('banyan.exempt', true), 'UTF8')) <> %L$w$,
      e.applier, sha256(convert_to(e.secret, 'UTF8')))
    INTO STRICT guarded FROM banyan.engine e;
  -- '~' sorts after letters: the guard sees the row as the application's own triggers left it.
  EXECUTE format('CREATE TRIGGER "~banyan_guard_%s" BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION banyan.%I()',
    n, p_relation, guarded, fn);
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "~banyan_guard_%s"', p_relation, n);
  EXECUTE format($f$
    CREATE FUNCTION banyan.%1$I() RETURNS trigger
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
    BEGIN
      PERFORM nextval('banyan.refused_%2$s');
      RAISE EXCEPTION USING ERRCODE = 'BN001',
        MESSAGE = format('TRUNCATE of %%s is refused while extraction "%%s" runs', TG_RELID::regclass, %3$L),
        HINT = 'DELETE the rows instead, or cancel the extraction.';
    END $body$ $f$, fn || '_truncate', n, p_extraction);
  EXECUTE format('CREATE TRIGGER "~banyan_truncate_%s" BEFORE TRUNCATE ON %s FOR EACH STATEMENT WHEN (%s) EXECUTE FUNCTION banyan.%I()',
    n, p_relation, guarded, fn || '_truncate');
  EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "~banyan_truncate_%s"', p_relation, n);
END $guard$;

-- Registers an extraction on this side: the source starts as owner of every bucket.
CREATE FUNCTION banyan.register(p_extraction text, p_side text) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO banyan.extraction (extraction, side) VALUES (p_extraction, p_side) ON CONFLICT DO NOTHING;
  INSERT INTO banyan.ownership (extraction, bucket, state, epoch)
    SELECT p_extraction, b, CASE p_side WHEN 'source' THEN 'open' ELSE 'closed' END,
           CASE p_side WHEN 'source' THEN 1 ELSE 0 END
      FROM generate_series(0, 1023) b
    ON CONFLICT DO NOTHING;
END $$;

-- How many writes were refused here.
CREATE FUNCTION banyan.refusals(p_extraction text) RETURNS bigint
  LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE n integer; answer bigint := 0;
BEGIN
  SELECT number INTO n FROM banyan.extraction WHERE extraction = p_extraction;
  IF to_regclass(format('banyan.refused_%s', n)) IS NULL THEN RETURN 0; END IF;
  EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM banyan.refused_%s', n) INTO answer;
  RETURN answer;
END $$;

-- Takes an extraction's guards, locks and rows away; with the last one the schema can be dropped.
CREATE FUNCTION banyan.unregister(p_extraction text) RETURNS integer
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE g record; n integer;
BEGIN
  SELECT number INTO n FROM banyan.extraction WHERE extraction = p_extraction;
  FOR g IN SELECT function FROM banyan.guarded WHERE extraction = p_extraction LOOP
    EXECUTE format('DROP FUNCTION IF EXISTS banyan.%I() CASCADE', g.function);
    EXECUTE format('DROP FUNCTION IF EXISTS banyan.%I() CASCADE', g.function || '_truncate');
  END LOOP;
  EXECUTE format('DROP SEQUENCE IF EXISTS banyan.refused_%s', n);
  DELETE FROM banyan.extraction WHERE extraction = p_extraction;
  DELETE FROM banyan.token WHERE extraction = p_extraction;
  -- One that is just being installed has raised its token already.
  RETURN (SELECT count(*) FROM banyan.token);
END $$;
