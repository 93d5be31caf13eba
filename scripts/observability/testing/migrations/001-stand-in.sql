-- The services of this test keep nothing of their own.
SELECT 1;
