CREATE TABLE gallery.albums (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text,
  cover_image_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX albums_of_owner ON gallery.albums (owner_id, created_at DESC, id);
-- Without it the deletion of an image would look through all albums, for the cover's foreign key.
CREATE INDEX albums_of_cover ON gallery.albums (cover_image_id) WHERE cover_image_id IS NOT NULL;

CREATE TABLE gallery.images (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id text NOT NULL,
  album_id uuid REFERENCES gallery.albums (id) ON DELETE SET NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text,
  tags text[] NOT NULL DEFAULT '{}',
  image_url text NOT NULL,
  thumbnail_url text,
  flagged boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT images_in_album UNIQUE (id, album_id)
);
-- The monolith's search document is made of several columns: a change that goes back to it names them all.
ALTER TABLE gallery.images REPLICA IDENTITY FULL;
CREATE INDEX images_newest ON gallery.images (created_at DESC, id) WHERE NOT flagged;
CREATE INDEX images_of_owner ON gallery.images (owner_id, created_at DESC, id);
CREATE INDEX images_of_album ON gallery.images (album_id, created_at DESC, id);

-- A cover must be one of the album's own images; deferred, since an image and its album may move together.
ALTER TABLE gallery.albums ADD CONSTRAINT albums_cover_is_inside
  FOREIGN KEY (cover_image_id, id) REFERENCES gallery.images (id, album_id)
  DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE gallery.flags (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  image_id uuid NOT NULL REFERENCES gallery.images (id) ON DELETE CASCADE,
  -- Who flagged, not whose it is: a flag belongs to the image's owner, and moves with the image.
  flagged_by text NOT NULL,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'upheld', 'dismissed')),
  created_at timestamptz NOT NULL DEFAULT now(),
  reviewed_at timestamptz,
  CONSTRAINT flags_once_a_user UNIQUE (image_id, flagged_by)
);
CREATE INDEX flags_queue ON gallery.flags (created_at, id) WHERE status = 'pending';
