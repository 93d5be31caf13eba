-- Rebrickable's catalogue, as its dumps have it; written by the importer alone.
CREATE TABLE processing.parts (
  part_num text PRIMARY KEY,
  name text NOT NULL,
  category text NOT NULL
);
-- For suggestions: parts that begin alike, whatever the collation.
CREATE INDEX parts_begin ON processing.parts (part_num text_pattern_ops);

CREATE TABLE processing.colours (
  id integer PRIMARY KEY,
  name text NOT NULL,
  rgb text NOT NULL,
  transparent boolean NOT NULL
);

-- What others call a colour. One number of theirs may be several of ours: it is ambiguous.
CREATE TABLE processing.colour_ids (
  system text NOT NULL CHECK (system IN ('bricklink', 'ldraw', 'lego', 'brickowl')),
  external_id integer NOT NULL,
  colour_id integer NOT NULL,
  PRIMARY KEY (system, external_id, colour_id)
);

-- What others call a part; `alias` is what it was called in former years.
CREATE TABLE processing.part_ids (
  system text NOT NULL CHECK (system IN ('bricklink', 'ldraw', 'alias')),
  external_id text NOT NULL,
  part_num text NOT NULL,
  PRIMARY KEY (external_id, system, part_num)
);

CREATE TABLE processing.elements (
  element_id text PRIMARY KEY,
  part_num text NOT NULL,
  colour_id integer NOT NULL
);
CREATE INDEX elements_of_part ON processing.elements (part_num);

-- P print, R pair, B sub-part, M mould, A alternate, T pattern; M and A may stand for each other.
CREATE TABLE processing.part_relationships (
  type text NOT NULL CHECK (type IN ('P', 'R', 'B', 'M', 'A', 'T')),
  child text NOT NULL,
  parent text NOT NULL,
  PRIMARY KEY (child, type, parent)
);
CREATE INDEX part_relationships_of_parent ON processing.part_relationships (parent, type);
