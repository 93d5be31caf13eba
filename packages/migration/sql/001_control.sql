-- The control plane's own schema: who may act, where each extraction stands, what was decided.

CREATE TABLE banyan_control.lease (
  one        boolean PRIMARY KEY DEFAULT true CHECK (one),
  holder     text,
  -- Where the holder's control API answers.
  url        text,
  -- Of the holder's term; only ever rises. Fences route tables and the ledger.
  token      bigint NOT NULL DEFAULT 0,
  -- The highest token given out: a term's, or one of an extraction that recovers within it.
  issued     bigint NOT NULL DEFAULT 0,
  expires_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO banyan_control.lease DEFAULT VALUES;

CREATE TABLE banyan_control.extraction (
  name             text PRIMARY KEY,
  phase            text NOT NULL DEFAULT 'planned',
  paused           boolean NOT NULL DEFAULT false,
  paused_why       text,
  -- Share of the buckets the target shall own, percent.
  goal             numeric NOT NULL DEFAULT 0,
  phase_since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Rows copied a second at most, by hand: 0 stands still, null leaves it to the plan.
  copy_limit       float8,
  -- What an operator asked for and the engine has not finished: verify, complete, cancel.
  wanted           text[] NOT NULL DEFAULT '{}',
  -- Original increment of each sequence that was made to draw from one parity.
  sequences        jsonb NOT NULL DEFAULT '[]',
  -- Which servers the two sides were on when they were last confirmed.
  servers          jsonb,
  -- The newest figures, for any process that is asked.
  status           jsonb,
  revision         bigint NOT NULL DEFAULT 0
);

CREATE TABLE banyan_control.gateway (
  -- The admin address is the identity: who binds it proves that the former owner of it is gone.
  admin_url   text PRIMARY KEY,
  id          text NOT NULL,
  public_url  text NOT NULL,
  version     bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL
);

CREATE TABLE banyan_control.route_table (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  token   bigint NOT NULL,
  version bigint NOT NULL,
  body    jsonb NOT NULL
);

CREATE TABLE banyan_control.handover (
  id         bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  extraction text NOT NULL,
  record     jsonb NOT NULL
);

CREATE TABLE banyan_control.ledger (
  seq        bigint PRIMARY KEY,
  at         timestamptz NOT NULL,
  extraction text NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('intent', 'fact', 'decision')),
  what       text NOT NULL,
  detail     jsonb NOT NULL,
  previous   text NOT NULL,
  hash       text NOT NULL
);

CREATE FUNCTION banyan_control.append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON banyan_control.ledger
  FOR EACH STATEMENT EXECUTE FUNCTION banyan_control.append_only();
