<?php

declare(strict_types=1);

namespace Demo;

/** The notes of one user, each with at most one file. */
final class Notes
{
    public const TITLE_LENGTH = 80;
    public const BODY_LENGTH = 5000;

    public function __construct(private readonly Database $database, private readonly Config $config)
    {
    }

    /** @return list<array<string, mixed>> newest first */
    public function ofUser(int $user): array
    {
        return $this->database->run('SELECT * FROM notes WHERE user_id = ? ORDER BY id DESC LIMIT 100', [$user])->fetchAll();
    }

    /** Of all users. */
    public function count(): int
    {
        return (int) $this->database->run('SELECT COUNT(*) FROM notes', [])->fetchColumn();
    }

    /** @return array<string, mixed> */
    public function find(int $user, int $id): array
    {
        $note = $this->database->run('SELECT * FROM notes WHERE id = ? AND user_id = ?', [$id, $user])->fetch();

        return $note ?: throw new HttpError(404, 'There is no such note.');
    }

    /**
     * @param array<string, mixed>|null $file an entry of $_FILES
     *
     * @return array<string, string> what is wrong, by field
     */
    public function validate(string $title, string $body, ?array $file): array
    {
        $errors = [];
        if ($title === '') {
            $errors['title'] = 'A note needs a title.';
        } elseif (self::length($title) > self::TITLE_LENGTH) {
            $errors['title'] = 'At most ' . self::TITLE_LENGTH . ' characters.';
        }
        if (self::length($body) > self::BODY_LENGTH) {
            $errors['body'] = 'At most ' . self::BODY_LENGTH . ' characters.';
        }
        $error = $file['error'] ?? UPLOAD_ERR_NO_FILE;
        if ($error === UPLOAD_ERR_INI_SIZE) {
            $errors['file'] = 'The file is larger than ' . ini_get('upload_max_filesize') . '.';
        } elseif ($error !== UPLOAD_ERR_OK && $error !== UPLOAD_ERR_NO_FILE) {
            $errors['file'] = 'The file did not arrive whole; please send it again.';
        }

        return $errors;
    }

    /** @param array<string, mixed>|null $file a valid entry of $_FILES */
    public function create(int $user, string $title, string $body, ?array $file): int
    {
        $attachment = $this->store($file);
        $this->database->run(
            'INSERT INTO notes (user_id, title, body, created, file_name, file_type, file_size, file_stored)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
            [$user, $title, $body, time(), ...$attachment],
        );

        return $this->database->lastId();
    }

    public function delete(int $user, int $id): void
    {
        $note = $this->find($user, $id);
        $this->database->run('DELETE FROM notes WHERE id = ?', [$id]);
        if ($note['file_stored'] !== null) {
            unlink($this->path($note));
        }
    }

    /** @param array<string, mixed> $note one with a file */
    public function path(array $note): string
    {
        return $this->config->folder('files') . '/' . $note['file_stored'];
    }

    /**
     * @param array<string, mixed>|null $file
     *
     * @return array{?string, ?string, ?int, ?string} name, type, size and the name below the data folder
     */
    private function store(?array $file): array
    {
        if (($file['error'] ?? UPLOAD_ERR_NO_FILE) !== UPLOAD_ERR_OK) {
            return [null, null, null, null];
        }
        $stored = bin2hex(random_bytes(16));
        if (!move_uploaded_file($file['tmp_name'], $this->config->folder('files') . "/$stored")) {
            throw new \RuntimeException('The uploaded file could not be moved.');
        }

        return [basename($file['name']), $file['type'], $file['size'], $stored];
    }

    /** Characters, not bytes, without needing the mbstring extension. */
    private static function length(string $text): int
    {
        return preg_match_all('/./us', $text) ?: strlen($text);
    }
}
