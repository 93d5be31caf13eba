-- What somebody needs so many of, for a source: parts of a MOC or a set, or what a wishlist item stands for.
CREATE TABLE inventory.items (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text NOT NULL,
  source_type text NOT NULL CHECK (source_type IN ('moc', 'wishlist', 'set')),
  -- A reference into another service: nothing here can hold it, its events say when it is gone.
  source_id text NOT NULL CHECK (length(source_id) BETWEEN 1 AND 100),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  -- '' for what is no part, or of no colour: two empty ones are the same, as two NULLs are not.
  part_number text NOT NULL DEFAULT '',
  color_code text NOT NULL DEFAULT '',
  total_count integer NOT NULL CHECK (total_count BETWEEN 1 AND 1000000),
  acquired_count integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT items_acquired CHECK (acquired_count BETWEEN 0 AND total_count),
  CONSTRAINT items_once UNIQUE (owner_id, source_type, source_id, part_number, color_code, name)
);
CREATE INDEX items_in_order ON inventory.items (owner_id, created_at, id);
CREATE INDEX items_of_source ON inventory.items (source_type, source_id);

-- What was bought of an item. Money is in the smallest unit of its currency.
CREATE TABLE inventory.purchases (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  item_id uuid NOT NULL REFERENCES inventory.items ON DELETE CASCADE,
  quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
  cost_minor bigint CHECK (cost_minor BETWEEN 0 AND 999999999999),
  currency text CHECK (currency ~ '^[A-Z]{3}$'),
  vendor text CHECK (length(vendor) BETWEEN 1 AND 200),
  purchased_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT purchases_cost_whole CHECK ((cost_minor IS NULL) = (currency IS NULL))
);
CREATE INDEX purchases_of_item ON inventory.purchases (item_id, purchased_at, id);

-- A cost may be told later, once. Then nobody changes it, whatever code or hand tries.
CREATE FUNCTION inventory.keep_cost() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.cost_minor IS NOT NULL
     AND (NEW.cost_minor, NEW.currency) IS DISTINCT FROM (OLD.cost_minor, OLD.currency) THEN
    RAISE EXCEPTION USING ERRCODE = 'IN001',
      MESSAGE = format('the cost of purchase %s is set, and cannot be changed', OLD.id);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_cost BEFORE UPDATE ON inventory.purchases
  FOR EACH ROW EXECUTE FUNCTION inventory.keep_cost();
