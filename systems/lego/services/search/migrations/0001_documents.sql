-- Suggestions forgive typing errors by trigrams. The extension is trusted: who may CREATE in the database may
-- install it.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA search;

-- What full text finds a document by; ranks are the monolith's, to the digit. A wishlist item's words all
-- weigh the same.
CREATE FUNCTION search.vector(type text, title text, tags text[], description text) RETURNS tsvector
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN type = 'wishlist'
    THEN to_tsvector('english', title || ' ' || coalesce(description, ''))
    ELSE setweight(to_tsvector('english', title), 'A')
      || setweight(to_tsvector('english', array_to_string(tags, ' ')), 'B')
      || setweight(to_tsvector('english', coalesce(description, '')), 'C')
  END
$$;

-- Raised with each change of what can be seen of a document: what an index outside holds against its own.
CREATE SEQUENCE search.revisions;

-- Everything that can be found, as events and imports told it. A row stays when its document is deleted, so
-- that a late event does not bring it back.
CREATE TABLE search.documents (
  type text COLLATE "C" NOT NULL CHECK (type IN ('moc', 'image', 'wishlist', 'set')),
  id text COLLATE "C" NOT NULL,
  owner_id text,
  title text,
  description text,
  tags text[] NOT NULL DEFAULT '{}',
  theme text,
  author text,
  pieces integer,
  hidden boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  -- By member, when what it holds was said (ms since 1970): events may come late, twice, or in part.
  versions jsonb NOT NULL DEFAULT '{}',
  revision bigint NOT NULL DEFAULT 0,
  vector tsvector,
  visible boolean NOT NULL GENERATED ALWAYS AS (
    deleted_at IS NULL AND NOT hidden AND title IS NOT NULL
    AND (type <> 'wishlist' OR owner_id IS NOT NULL)) STORED,
  PRIMARY KEY (type, id)
);
CREATE INDEX documents_vector ON search.documents USING gin (vector) WHERE visible;
CREATE INDEX documents_of_owner ON search.documents (owner_id) WHERE type = 'wishlist' AND visible;
CREATE INDEX documents_trigrams ON search.documents USING gin (lower(title) gin_trgm_ops) WHERE visible;
CREATE INDEX documents_beginnings ON search.documents (lower(title) text_pattern_ops) WHERE visible;
CREATE INDEX documents_deleted ON search.documents (deleted_at) WHERE deleted_at IS NOT NULL;

-- Documents that an index outside has not got yet; one row each, however often they changed.
CREATE TABLE search.feed (
  type text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  problem text,
  PRIMARY KEY (type, id)
);
CREATE INDEX feed_due ON search.feed (due_at, revision);
CREATE INDEX feed_oldest ON search.feed (changed_at);

-- Rebuilding an index. Where it stands is a row: whoever continues after a crash goes on from there.
CREATE TABLE search.reindexes (
  id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  engine text NOT NULL CHECK (engine IN ('postgres', 'opensearch')),
  -- The index that is being built; empty where the rows are rewritten in place.
  target text NOT NULL DEFAULT '',
  after_type text NOT NULL DEFAULT '',
  after_id text NOT NULL DEFAULT '',
  copied bigint NOT NULL DEFAULT 0,
  asked_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz
);
CREATE UNIQUE INDEX reindexes_one_at_a_time ON search.reindexes (engine) WHERE finished_at IS NULL;

-- What was searched for, a row for each day, type and wording; nobody's name.
CREATE TABLE search.queries (
  day date NOT NULL,
  type text NOT NULL,
  query text NOT NULL,
  asked bigint NOT NULL,
  found_nothing bigint NOT NULL,
  PRIMARY KEY (day, type, query)
);
