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
  -- "C": found by every guarded write, and compared bytewise at a third of the cost.
  extraction text COLLATE "C" NOT NULL REFERENCES banyan.extraction ON DELETE CASCADE,
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

-- Tables whose replica identity was DEFAULT, and is an index while the extraction runs.
CREATE TABLE banyan.identity (
  extraction text NOT NULL REFERENCES banyan.extraction ON DELETE CASCADE,
  relation   oid  NOT NULL,
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

-- Not IMMUTABLE, since convert_to is not: PostgreSQL would not inline it, and a call costs three hashes.
CREATE FUNCTION banyan.bucket(owner_key text) RETURNS integer
  LANGUAGE sql STABLE PARALLEL SAFE
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

-- Lock class of an extraction's advisory locks: "ban" and its number. Its keys are the stripes (bucket
-- mod 16), and 16 for the whole extraction: who writes holds either shared, a flip takes both.
CREATE FUNCTION banyan.lock_class(p_number integer) RETURNS integer
  LANGUAGE sql IMMUTABLE RETURN 1650552320 + p_number;

-- The sequence banyan.whole_N is what guards look at first: while this side owns every bucket, a second
-- by which that was so and was to be seen; otherwise it counts as never called. It is read at a tenth of
-- the cost of a row, and every snapshot sees it as it is now. But setval outlives a rollback: so it may say
-- less than the rows at any time, never more. docs/decisions/032 shows why it does not.

-- Whatever changes the rows empties it before it commits.
CREATE FUNCTION banyan.forget_whole() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM setval(s, 1, false)
     FROM (SELECT DISTINCT format('banyan.whole_%s', e.number)::regclass AS s
             FROM old_rows JOIN banyan.extraction e USING (extraction)) AS touched;
  RETURN NULL;
END $$;
CREATE TRIGGER forget_updated AFTER UPDATE ON banyan.ownership REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION banyan.forget_whole();
CREATE TRIGGER forget_deleted AFTER DELETE ON banyan.ownership REFERENCING OLD TABLE AS old_rows
  FOR EACH STATEMENT EXECUTE FUNCTION banyan.forget_whole();
ALTER TABLE banyan.ownership ENABLE ALWAYS TRIGGER forget_updated, ENABLE ALWAYS TRIGGER forget_deleted;

-- Fills it where this side owns everything: for whoever has flipped, afterwards. False: not every bucket is
-- open here, or this transaction cannot tell.
CREATE FUNCTION banyan.note_whole(p_extraction text) RETURNS boolean
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  sequence regclass;
BEGIN
  -- The rows it goes by must have been committed, so none may be its own, and its snapshot the latest.
  IF pg_current_xact_id_if_assigned() IS NOT NULL OR current_setting('transaction_isolation') <> 'read committed' THEN
    RETURN false;
  END IF;
  -- Until it has ended no change of the rows is uncommitted, and none begins.
  LOCK TABLE banyan.ownership IN SHARE MODE;
  SELECT format('banyan.whole_%s', e.number) INTO sequence
    FROM banyan.ownership w JOIN banyan.extraction e USING (extraction)
   WHERE w.extraction = p_extraction
   GROUP BY e.number HAVING count(*) = 1024 AND bool_and(w.state = 'open');
  IF NOT FOUND THEN RETURN false; END IF;
  -- Who began before the last bucket was opened is not to pass; the next full second is later than that.
  IF pg_sequence_last_value(sequence) IS NULL THEN
    PERFORM setval(sequence, floor(extract(epoch FROM clock_timestamp()))::bigint + 1);
  END IF;
  RETURN true;
END $$;

-- Moves buckets from one state to another, all or none, as one statement of an autocommit session
-- without a replication origin. Waits for the writers that hold a touched stripe, or the whole; new ones
-- wait behind it.
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
  -- The whole first, as a writer does who has it and then needs a stripe after all.
  PERFORM pg_advisory_xact_lock(class, 16);
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
CREATE FUNCTION banyan.refuse(p_extraction text, p_number integer, p_bucket integer, p_relation oid) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE o record;
BEGIN
  SELECT w.state, w.changed_at, e.side INTO o
    FROM banyan.ownership w JOIN banyan.extraction e USING (extraction)
   WHERE w.extraction = p_extraction AND w.bucket = p_bucket;
  IF o.state = 'open' THEN
    RAISE EXCEPTION USING ERRCODE = '40001',
      MESSAGE = format('bucket %s of extraction "%s" was handed over while this transaction ran', p_bucket, p_extraction),
      HINT = 'Run the transaction again.';
  END IF;
  -- A sequence, since it survives the rollback that the exception brings.
  PERFORM nextval(format('banyan.refused_%s', p_number));
  RAISE EXCEPTION USING ERRCODE = 'BN001',
    MESSAGE = format('%s: bucket %s of extraction "%s" is owned by the %s since %s; this write was refused',
      p_relation::regclass, p_bucket, p_extraction,
      CASE WHEN o.state = 'closing' THEN 'handover now running'
           WHEN o.side = 'source' THEN 'service' ELSE 'monolith' END,
      to_char(o.changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
    HINT = 'Send the write through the gateway, which knows the owner.';
END $$;

-- Lets a write to rows of these owners through, or raises.
CREATE FUNCTION banyan.admit(p_extraction text, p_number integer, p_keys text[], p_relation oid) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
  class constant integer := banyan.lock_class(p_number);
  buckets constant smallint[] := ARRAY(SELECT DISTINCT banyan.bucket(k)::smallint FROM unnest(p_keys) AS k);
  refused integer;
BEGIN
  -- Shared with other writers, exclusive for a flip. Taken for every statement: a savepoint that is
  -- rolled back lets go of it, so no answer may be kept from an earlier one.
  PERFORM pg_advisory_xact_lock_shared(class, stripe)
     FROM (SELECT DISTINCT b % 16 AS stripe FROM unnest(buckets) AS b ORDER BY 1) AS stripes;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    -- An older snapshot cannot show the flip; the row lock makes it fail with 40001 instead.
    PERFORM FROM banyan.ownership w
      WHERE w.extraction = p_extraction AND w.bucket = ANY (buckets) ORDER BY w.bucket FOR SHARE;
  END IF;
  -- A statement after the lock: its snapshot is younger than any flip that held it.
  SELECT b INTO refused FROM unnest(buckets) AS b
   WHERE NOT EXISTS (
     SELECT FROM banyan.ownership w WHERE w.extraction = p_extraction AND w.bucket = b
        AND w.state = 'open' AND w.opened_at <= transaction_timestamp())
   LIMIT 1;
  IF FOUND THEN PERFORM banyan.refuse(p_extraction, p_number, refused, p_relation); END IF;
END $$;

-- Puts the guard on a table (and on its partitions). p_owner: the column of the owner key; null when
-- the table moves as one bucket, or the key is a parent's. p_keys: in the latter case, a query for the
-- owner keys of {rows}. p_fixed: columns by which the rows of other tables find their owner; they may
-- not change, since a row written at the same time could end under the other owner without its guard
-- knowing. docs/decisions/011 says why the guard may look after the write.
CREATE FUNCTION banyan.guard(
  p_extraction text, p_relation regclass, p_owner name, p_keys text DEFAULT NULL, p_fixed name[] DEFAULT '{}'
) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog AS $guard$
DECLARE
  n integer;
  fn text;
  by_row boolean;
  -- The owner key of the row that stands for %s.
  owner text := CASE WHEN p_owner IS NULL THEN 'NULL::pg_catalog.text'
    ELSE '%s.' || replace(quote_ident(p_owner), '%', '%%') || '::pg_catalog.text' END;
  whole text;
  exempt text;
  read text;
  event text;
  partition regclass;
BEGIN
  SELECT number INTO STRICT n FROM banyan.extraction WHERE extraction = p_extraction;
  fn := format('guard_%s_%s', n, p_relation::oid);
  INSERT INTO banyan.guarded VALUES (p_extraction, p_relation, p_owner, fn) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF;
  EXECUTE format('CREATE SEQUENCE IF NOT EXISTS banyan.refused_%s', n);
  -- A statement's trigger fires on the table the statement names, and a new partition does not get it:
  -- where there are partitions the guard is a row's trigger, which every partition inherits.
  SELECT relkind = 'p' OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = p_relation)
    INTO STRICT by_row FROM pg_class WHERE oid = p_relation;
  -- The usual case: everything is open here, and was before this transaction began. Asked before the lock:
  -- whoever has held a stripe is too old to wait for the whole, which a flip may hold that waits for the
  -- stripe. And again with it, when no flip is on its way. CASE, for AND promises no order.
  whole := format('pg_catalog.date_part(''epoch'', pg_catalog.transaction_timestamp())
            OPERATOR(pg_catalog.>=) pg_catalog.pg_sequence_last_value(%L::pg_catalog.regclass)', format('banyan.whole_%s', n));
  whole := format('(CASE WHEN %1$s
          THEN CASE WHEN pg_catalog.pg_advisory_xact_lock_shared(%2$s, 16) IS NOT NULL
          THEN %1$s END END)', whole, banyan.lock_class(n));
  -- Whom the guard lets pass: an applier, copier or repair of ours. The catalog shows the secret's hash only.
  SELECT format($w$coalesce(pg_catalog.current_setting('banyan.exempt', true), '') OPERATOR(pg_catalog.<>) ''
         AND session_user OPERATOR(pg_catalog.=) %L
         AND pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.current_setting('banyan.exempt', true), 'UTF8')) OPERATOR(pg_catalog.=) %L$w$,
      e.applier, sha256(convert_to(e.secret, 'UTF8')))
    INTO STRICT exempt FROM banyan.engine e;
  IF p_keys IS NOT NULL THEN
    IF by_row THEN RAISE EXCEPTION 'a partition of % must have its owner key in a column', p_relation; END IF;
    read := format($r$
      IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN keys := ARRAY(%1$s);
      ELSIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN keys := ARRAY(%2$s);
      ELSE keys := ARRAY(%1$s UNION %2$s);
      END IF;$r$, replace(p_keys, '{rows}', 'new_rows'), replace(p_keys, '{rows}', 'old_rows'));
  ELSE
    read := format(CASE WHEN by_row THEN $r$
      IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN keys := ARRAY[%1$s];
      ELSIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN keys := ARRAY[%2$s];
      ELSE
        keys := ARRAY[%1$s];
        -- An update that changes the owner key is a write to the old owner's bucket too.
        IF coalesce(keys[1], '') OPERATOR(pg_catalog.<>) coalesce(%2$s, '') THEN
          keys := pg_catalog.array_append(keys, %2$s);
        END IF;
      END IF;$r$ ELSE $r$
      IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN keys := ARRAY(SELECT DISTINCT %3$s FROM new_rows AS n);
      ELSIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN keys := ARRAY(SELECT DISTINCT %4$s FROM old_rows AS o);
      ELSE keys := ARRAY(SELECT %3$s FROM new_rows AS n UNION SELECT %4$s FROM old_rows AS o);
      END IF;$r$ END,
      format(owner, 'NEW'), format(owner, 'OLD'), format(owner, 'n'), format(owner, 'o'));
  END IF;
  -- Every name in it says its schema, since a search_path of its own would cost as much as all that the
  -- usual write needs; only the query for a parent's key has it.
  EXECUTE format($f$
    CREATE FUNCTION banyan.%1$I() RETURNS trigger
      LANGUAGE plpgsql SECURITY DEFINER %8$s AS $body$
    DECLARE
      keys pg_catalog.text[];
      b pg_catalog.int4;
    BEGIN
      IF %9$s THEN %3$s END IF;
      IF %2$s THEN %3$s END IF;%4$s
      -- A write to rows of one owner: what admit does, at half its cost.
      IF pg_catalog.cardinality(keys) OPERATOR(pg_catalog.=) 1
          AND pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.=) 'read committed' THEN
        b := banyan.bucket(keys[1]);
        PERFORM pg_catalog.pg_advisory_xact_lock_shared(%7$s, b OPERATOR(pg_catalog.%%) 16);
        PERFORM FROM banyan.ownership AS w
          WHERE w.extraction OPERATOR(pg_catalog.=) %5$L AND w.bucket OPERATOR(pg_catalog.=) b
            AND w.state OPERATOR(pg_catalog.=) 'open'
            AND w.opened_at OPERATOR(pg_catalog.<=) pg_catalog.transaction_timestamp();
        IF FOUND THEN %3$s END IF;
      END IF;
      PERFORM banyan.admit(%5$L, %6$s, keys, TG_RELID);
      %3$s
    END $body$ $f$,
    fn, exempt,
    CASE WHEN by_row THEN $r$IF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN RETURN OLD; ELSE RETURN NEW; END IF;$r$ ELSE 'RETURN NULL;' END,
    read, p_extraction, n, banyan.lock_class(n),
    CASE WHEN p_keys IS NULL THEN '' ELSE 'SET search_path = pg_catalog' END, whole);
  EXECUTE format($f$
    CREATE FUNCTION banyan.%1$I() RETURNS trigger
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
    BEGIN
      IF %2$s THEN RETURN NULL; END IF;
      PERFORM nextval('banyan.refused_%3$s');
      RAISE EXCEPTION USING ERRCODE = 'BN001',
        MESSAGE = format('TRUNCATE of %%s is refused while extraction "%%s" runs', TG_RELID::regclass, %4$L),
        HINT = 'DELETE the rows instead, or cancel the extraction.';
    END $body$ $f$, fn || '_truncate', exempt, n, p_extraction);
  -- '~' sorts after letters: a row's guard sees the row as the application's own triggers left it.
  IF by_row THEN
    EXECUTE format('CREATE TRIGGER "~banyan_guard_%s" BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION banyan.%I()',
      n, p_relation, fn);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "~banyan_guard_%s"', p_relation, n);
  ELSE
    -- One for each event, since a transition table belongs to one.
    FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
      EXECUTE format('CREATE TRIGGER "~banyan_guard_%1$s_%2$s" AFTER %2$s ON %3$s REFERENCING %4$s FOR EACH STATEMENT EXECUTE FUNCTION banyan.%5$I()',
        n, event, p_relation, CASE event WHEN 'insert' THEN 'NEW TABLE AS new_rows' WHEN 'delete' THEN 'OLD TABLE AS old_rows'
          ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END, fn);
      EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "~banyan_guard_%s_%s"', p_relation, n, event);
    END LOOP;
  END IF;
  IF cardinality(p_fixed) > 0 THEN
    EXECUTE format($f$
      CREATE FUNCTION banyan.%1$I() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
      BEGIN
        IF %2$s THEN RETURN NULL; END IF;
        PERFORM nextval('banyan.refused_%3$s');
        RAISE EXCEPTION USING ERRCODE = 'BN001',
          MESSAGE = format('%%s: %%s cannot change while extraction "%%s" runs, since rows of other tables find their owner by it', TG_RELID::regclass, %5$L, %4$L),
          HINT = 'Delete the row and write it again with its children, or wait for the extraction to end.';
      END $body$ $f$, fn || '_fixed', exempt, n, p_extraction, array_to_string(p_fixed, ', '));
    EXECUTE format('CREATE TRIGGER "~banyan_fixed_%s" AFTER UPDATE ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION banyan.%I()',
      n, p_relation, (SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', c), ' OR ') FROM unnest(p_fixed) c), fn || '_fixed');
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "~banyan_fixed_%s"', p_relation, n);
  END IF;
  -- A partition can be truncated by its own name, and the stream would not say so.
  FOR partition IN SELECT relid FROM pg_partition_tree(p_relation) UNION SELECT p_relation LOOP
    EXECUTE format('CREATE TRIGGER "~banyan_truncate_%s" BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION banyan.%I()',
      n, partition, fn || '_truncate');
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER "~banyan_truncate_%s"', partition, n);
  END LOOP;
END $guard$;

-- Makes an index a table's replica identity until the extraction ends. Its lock makes writers wait: not for long.
CREATE FUNCTION banyan.identify(p_extraction text, p_relation oid, p_index name) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog SET lock_timeout = '500ms' AS $$
BEGIN
  INSERT INTO banyan.identity VALUES (p_extraction, p_relation) ON CONFLICT DO NOTHING;
  EXECUTE format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', p_relation::regclass, p_index);
END $$;

-- Registers an extraction on this side: the source starts as owner of every bucket.
CREATE FUNCTION banyan.register(p_extraction text, p_side text) RETURNS void
  LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE n integer;
BEGIN
  INSERT INTO banyan.extraction (extraction, side) VALUES (p_extraction, p_side) ON CONFLICT DO NOTHING
    RETURNING number INTO n;
  IF n IS NULL THEN RETURN; END IF;
  EXECUTE format('CREATE SEQUENCE banyan.whole_%s', n);
  INSERT INTO banyan.ownership (extraction, bucket, state, epoch)
    SELECT p_extraction, b, CASE p_side WHEN 'source' THEN 'open' ELSE 'closed' END,
           CASE p_side WHEN 'source' THEN 1 ELSE 0 END
      FROM generate_series(0, 1023) b;
  -- Nobody else knows of these rows yet, and a rollback takes the sequence with them.
  IF p_side = 'source' THEN PERFORM setval(format('banyan.whole_%s', n), 1); END IF;
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
    EXECUTE format('DROP FUNCTION IF EXISTS banyan.%I() CASCADE', g.function || '_fixed');
  END LOOP;
  FOR g IN SELECT c.oid FROM banyan.identity i JOIN pg_class c ON c.oid = i.relation WHERE i.extraction = p_extraction LOOP
    EXECUTE format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', g.oid::regclass);
  END LOOP;
  EXECUTE format('DROP SEQUENCE IF EXISTS banyan.refused_%1$s, banyan.whole_%1$s', n);
  DELETE FROM banyan.extraction WHERE extraction = p_extraction;
  DELETE FROM banyan.token WHERE extraction = p_extraction;
  -- One that is just being installed has raised its token already.
  RETURN (SELECT count(*) FROM banyan.token);
END $$;
