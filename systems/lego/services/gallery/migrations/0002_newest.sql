-- Whoever lists the newest sees flagged images of their own among them. An index without these was of no use for
-- that: each page read and sorted all images.
-- Dropped first: its lock is the stronger one. Taken after that of CREATE INDEX it would close a circle with a
-- transaction that has read images and is about to write them.
DROP INDEX gallery.images_newest;
CREATE INDEX images_newest ON gallery.images (created_at DESC, id);
