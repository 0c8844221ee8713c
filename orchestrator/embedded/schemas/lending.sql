-- The library's lending desk (MariaDB): readers, books on loan, and what every write of the desk leaves.
CREATE TABLE reader (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(80) NOT NULL, since date NOT NULL) ENGINE=InnoDB;
CREATE TABLE loan (
    n bigint NOT NULL PRIMARY KEY, reader int NOT NULL, title varchar(200) NOT NULL,
    at timestamp(6) NOT NULL DEFAULT current_timestamp(6), FOREIGN KEY (reader) REFERENCES reader (id)
) ENGINE=InnoDB;
INSERT INTO reader (name, since) VALUES ('李明', '2019-03-01'), ('王芳', '2020-11-12'), ('赵强', '2024-06-30');
INSERT INTO loan (n, reader, title) SELECT -seq, 1 + seq % 3, CONCAT('图书 ', seq) FROM seq_1_to_3000;
