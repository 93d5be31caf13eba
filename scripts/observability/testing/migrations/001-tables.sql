CREATE TABLE item (id text PRIMARY KEY, amount integer NOT NULL);
INSERT INTO item VALUES ('lamp', 1);
CREATE TABLE arrival (parcel text PRIMARY KEY);
