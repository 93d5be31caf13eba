-- Even as json each text of steps was read through at each write, to see whether it is JSON: what only a runner
-- writes is a plain text. With a third of a page taken at first, all writes of a saga stay on its page.
ALTER TABLE saga ALTER COLUMN steps DROP DEFAULT;
ALTER TABLE saga ALTER COLUMN steps TYPE text;
ALTER TABLE saga ALTER COLUMN steps SET DEFAULT '[]';
ALTER TABLE saga SET (fillfactor = 30);
