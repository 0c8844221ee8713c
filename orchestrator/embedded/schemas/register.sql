-- Property register: every registration carries the signature device's signature of its number.
CREATE TABLE registrations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    n bigint NOT NULL,
    owner text NOT NULL,
    signature text NOT NULL,
    created timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX registrations_n ON registrations (n);
CREATE TABLE parcels (
    code text PRIMARY KEY,
    address text NOT NULL,
    area numeric(12, 2) NOT NULL,
    outline json NOT NULL
);
INSERT INTO parcels
SELECT '420802' || lpad(i::text, 8, '0'), '荆门市东宝区象山大道' || i || '号', 60 + i % 180 + 0.25,
       json_build_array(json_build_array(112.2 + i * 0.00001, 31.03), json_build_array(112.2 + i * 0.00001, 31.04))
FROM generate_series(1, 4000) AS i;
