-- What Updraft's first layout of conversations looked like on disk: a numbered list of messages for each.
PRAGMA user_version = 1;
CREATE TABLE chats (id INTEGER PRIMARY KEY, title TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE messages (
    chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (chat, position)
);
INSERT INTO chats VALUES (1, 'Why the sky is blue', 1760000000.0), (2, 'An empty one', 1760000100.0);
INSERT INTO messages VALUES
    (1, 0, 'user', 'Why is the sky blue?', 1760000000.5),
    (1, 1, 'assistant', 'Because air scatters blue light most.', 1760000003.0),
    (1, 2, 'user', 'And at sunset; is it "red"?', 1760000060.0);
