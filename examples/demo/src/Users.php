<?php

declare(strict_types=1);

namespace Demo;

final class Users
{
    public const PASSWORD_LENGTH = 8;

    public function __construct(private readonly Database $database)
    {
    }

    /** @return array<string, string> what is wrong, by field */
    public function validate(string $name, string $password): array
    {
        $errors = [];
        if (!preg_match('/^[\p{L}\p{N}._-]{2,30}$/u', $name)) {
            $errors['name'] = 'Two to thirty letters, digits, dots or dashes.';
        } elseif ($this->database->run('SELECT 1 FROM users WHERE name = ?', [$name])->fetch()) {
            $errors['name'] = 'This name is taken.';
        }
        if (strlen($password) < self::PASSWORD_LENGTH) {
            $errors['password'] = 'At least ' . self::PASSWORD_LENGTH . ' characters.';
        }

        return $errors;
    }

    public function register(string $name, string $password): int
    {
        $hash = password_hash($password, PASSWORD_DEFAULT);
        $this->database->run('INSERT INTO users (name, password) VALUES (?, ?)', [$name, $hash]);

        return $this->database->lastId();
    }

    /** The id of the user, or null. */
    public function authenticate(string $name, string $password): ?int
    {
        $user = $this->database->run('SELECT id, password FROM users WHERE name = ?', [$name])->fetch();
        if (!$user || !password_verify($password, $user['password'])) {
            return null;
        }

        return (int) $user['id'];
    }

    public function name(int $id): ?string
    {
        return $this->database->run('SELECT name FROM users WHERE id = ?', [$id])->fetchColumn() ?: null;
    }
}
