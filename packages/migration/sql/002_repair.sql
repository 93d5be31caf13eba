-- Rows that an operator asks to be repaired: whichever engine answers the API writes it down, the one that
-- acts does it and answers here. Gone once it is answered.
CREATE TABLE banyan_control.repair (
  id         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  extraction text        NOT NULL REFERENCES banyan_control.extraction (name),
  request    jsonb       NOT NULL,
  answer     jsonb,
  asked_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
