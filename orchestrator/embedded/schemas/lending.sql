-- The library's lending desk (MariaDB): readers, and books on loan. n is the desk's number of a loan: not unique on purpose, so that
-- a doubled write is visible.
CREATE TABLE reader (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(80) NOT NULL, since date NOT NULL) ENGINE=InnoDB;
CREATE TABLE loan (
    id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, n bigint NOT NULL, reader int NOT NULL, title varchar(200) NOT NULL,
    at timestamp(6) NOT NULL DEFAULT current_timestamp(6), KEY loan_n (n), FOREIGN KEY (reader) REFERENCES reader (id)
) ENGINE=InnoDB;
INSERT INTO reader (name, since) VALUES ('李明', '2019-03-01'), ('王芳', '2020-11-12'), ('赵强', '2024-06-30');
INSERT INTO loan (n, reader, title) SELECT -seq, 1 + seq % 3, CONCAT('图书 ', seq) FROM seq_1_to_3000;
