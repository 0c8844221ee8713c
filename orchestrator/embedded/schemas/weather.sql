-- Weather bulletins.
CREATE TABLE bulletins (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    n bigint NOT NULL,
    text text NOT NULL,
    readings jsonb,
    created timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX bulletins_n ON bulletins (n);
CREATE TABLE stations (
    id integer PRIMARY KEY,
    name text NOT NULL,
    place point NOT NULL
);
INSERT INTO stations
SELECT i, '荆门自动气象站' || i, point(112 + i * 0.01, 31 + i * 0.005) FROM generate_series(1, 60) AS i;
INSERT INTO bulletins (n, text, readings, created)
SELECT -i, '今日多云转晴,气温' || (i % 30) || '度,第' || i || '号公告', jsonb_build_object('站点', i % 60 + 1, '气温', i % 30),
       timestamptz '2026-01-01 08:00+08' + i * interval '10 minutes'
FROM generate_series(1, 3000) AS i;
