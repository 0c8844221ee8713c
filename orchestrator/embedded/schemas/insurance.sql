-- Social insurance: people and their contributions; a balance kept by a trigger, as vendors of that time liked it.
CREATE TABLE people (
    id integer PRIMARY KEY,
    name text NOT NULL,
    balance_fen bigint NOT NULL DEFAULT 0
);
CREATE SEQUENCE contribution_id;
CREATE TABLE contributions (
    id bigint PRIMARY KEY DEFAULT nextval('contribution_id'),
    n bigint NOT NULL,
    person_id integer NOT NULL REFERENCES people,
    fen bigint NOT NULL,
    created timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX contributions_n ON contributions (n);
CREATE FUNCTION book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE people SET balance_fen = balance_fen + NEW.fen WHERE id = NEW.person_id;
    RETURN NEW;
END $$;
INSERT INTO people (id, name) SELECT i, '参保人' || i FROM generate_series(1, 500) AS i;
CREATE TRIGGER book AFTER INSERT ON contributions FOR EACH ROW EXECUTE FUNCTION book();
INSERT INTO contributions (n, person_id, fen, created)
SELECT -i, i % 500 + 1, 20000 + i % 13, timestamptz '2026-01-01 08:00+08' + i * interval '5 minutes' FROM generate_series(1, 3000) AS i;
