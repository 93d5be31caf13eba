CREATE TABLE wishlist.items (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  notes text,
  product_url text,
  image_url text,
  -- Codes, not display names: a theme that is renamed touches no row. The table is themes.ts.
  theme text CHECK (theme IN (
    'architecture', 'art', 'bionicle', 'botanicals', 'castle', 'city', 'classic', 'creator',
    'disney', 'duplo', 'friends', 'harry-potter', 'icons', 'ideas', 'jurassic-world', 'marvel',
    'minecraft', 'monkie-kid', 'ninjago', 'pirates', 'space', 'speed-champions', 'star-wars',
    'super-mario', 'technic', 'trains', 'other')),
  position integer NOT NULL CHECK (position >= 0),
  quantity smallint NOT NULL DEFAULT 1 CHECK (quantity BETWEEN 1 AND 999),
  price_cents bigint CHECK (price_cents BETWEEN 0 AND 9999999999),
  acquired boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- Deferred to the commit: a reorder passes through states in which two items share a position.
  CONSTRAINT items_position UNIQUE (owner_id, position) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX items_of_theme ON wishlist.items (owner_id, theme, position);

-- Orders that wait for their debounce: rows, so that a crash forgets none.
CREATE TABLE wishlist.pending_reorders (
  owner_id text PRIMARY KEY,
  item_ids uuid[] NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL
);
CREATE INDEX pending_reorders_due ON wishlist.pending_reorders (due_at);
