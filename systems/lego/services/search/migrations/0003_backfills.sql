-- Takings over of what stands in the monolith, by the name they were asked for with. Where one stands is a row,
-- changed with the documents it took over: whoever continues after a crash goes on from there.
CREATE TABLE search.backfills (
  run text PRIMARY KEY,
  state text NOT NULL DEFAULT 'filling' CHECK (state IN ('filling', 'complete', 'failed')),
  type text NOT NULL DEFAULT '',
  after_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  done bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL DEFAULT 0,
  reason text,
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX backfills_open ON search.backfills (asked_at) WHERE state = 'filling';
