CREATE TABLE wishlist_items (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id text NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text,
  product_link text,
  image_url text,
  category text CHECK (category IN (
    'Architecture', 'Art', 'BIONICLE', 'Botanicals', 'Castle', 'City', 'Classic', 'Creator',
    'Disney', 'DUPLO', 'Friends', 'Harry Potter', 'Icons', 'Ideas', 'Jurassic World', 'Marvel',
    'Minecraft', 'Monkie Kid', 'NINJAGO', 'Pirates', 'Space', 'Speed Champions', 'Star Wars',
    'Super Mario', 'Technic', 'Trains', 'Other')),
  sort_order integer NOT NULL CHECK (sort_order >= 0),
  quantity integer NOT NULL DEFAULT 1 CHECK (quantity BETWEEN 1 AND 999),
  price numeric(10, 2) CHECK (price >= 0),
  is_acquired boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- Deferred to the commit: a reorder passes through states in which two items share a place.
  CONSTRAINT wishlist_items_place UNIQUE (user_id, sort_order) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX wishlist_items_of_category ON wishlist_items (user_id, category, sort_order);

-- Orders that wait for their debounce: rows, so that a crash forgets none.
CREATE TABLE wishlist_reorders (
  user_id text PRIMARY KEY,
  item_ids uuid[] NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL
);
CREATE INDEX wishlist_reorders_due ON wishlist_reorders (due_at);

CREATE TABLE user_profiles (
  user_id text PRIMARY KEY,
  display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 80),
  bio text,
  avatar_url text,
  location text,
  preferences jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
