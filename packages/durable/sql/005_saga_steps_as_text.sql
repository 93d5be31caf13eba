-- Steps are written many times and looked into by an operator at most: as json their text is kept as it is,
-- where jsonb takes it apart at each write.
ALTER TABLE saga ALTER COLUMN steps DROP DEFAULT;
ALTER TABLE saga ALTER COLUMN steps TYPE json USING steps::json;
ALTER TABLE saga ALTER COLUMN steps SET DEFAULT '[]';
