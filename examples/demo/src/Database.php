<?php

declare(strict_types=1);

namespace Demo;

use PDO;

/** The SQLite file, opened when it is first asked for. */
final class Database
{
    private const SCHEMA = <<<'SQL'
        PRAGMA journal_mode = WAL;
        CREATE TABLE users (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE COLLATE NOCASE,
            password TEXT NOT NULL
        );
        CREATE TABLE notes (
            id INTEGER PRIMARY KEY,
            user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            title TEXT NOT NULL,
            body TEXT NOT NULL,
            created INTEGER NOT NULL,
            file_name TEXT,
            file_type TEXT,
            file_size INTEGER,
            file_stored TEXT
        );
        CREATE INDEX notes_of_user ON notes (user_id, id);
        SQL;

    private ?PDO $connection = null;

    public function __construct(private readonly Config $config)
    {
    }

    /** @param list<mixed> $values */
    public function run(string $sql, array $values = []): \PDOStatement
    {
        $statement = $this->connection()->prepare($sql);
        $statement->execute($values);

        return $statement;
    }

    public function lastId(): int
    {
        return (int) $this->connection()->lastInsertId();
    }

    private function connection(): PDO
    {
        if ($this->connection === null) {
            $file = $this->config->folder('database') . '/notes.sqlite';
            if (!is_file($file)) {
                $this->create($file);
            }
            $this->connection = $this->open($file);
            $this->connection->exec('PRAGMA foreign_keys = ON');
        }

        return $this->connection;
    }

    /** Several workers may come here at once: each makes a whole database, one of them is linked to the name. */
    private function create(string $file): void
    {
        $draft = tempnam(dirname($file), 'new');
        $this->open($draft)->exec(self::SCHEMA);
        @link($draft, $file);
        unlink($draft);
    }

    private function open(string $file): PDO
    {
        return new PDO("sqlite:$file", options: [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
            PDO::ATTR_TIMEOUT => 5,
        ]);
    }
}
