-- Open holds are few: those whose lease is over are found among those of all users. One index less to write, twice a message.
DROP INDEX holds_open;
