<?php

declare(strict_types=1);

namespace Demo;

/** Takes one request to its page. Nothing of a request stays in the object, so a worker may keep it. */
final class App
{
    private readonly Users $users;
    private readonly Notes $notes;
    private Session $session;
    private View $view;

    public function __construct(private readonly Config $config)
    {
        $database = new Database($config);
        $this->users = new Users($database);
        $this->notes = new Notes($database, $config);
    }

    public function handle(): void
    {
        header('X-Content-Type-Options: nosniff');
        header("Content-Security-Policy: default-src 'self'");
        $path = strtok($_SERVER['REQUEST_URI'], '?');
        if ($path === '/figures' && in_array($_SERVER['REQUEST_METHOD'], ['GET', 'HEAD'], true)) {
            $this->figures();

            return;
        }
        $this->session = new Session($this->config);
        $user = $this->session->user();
        $this->view = new View([
            'user' => $user === null ? null : $this->users->name($user),
            'token' => $this->session->token(),
            'message' => $this->session->takeMessage(),
        ]);
        try {
            $this->route($_SERVER['REQUEST_METHOD'], $path);
        } catch (HttpError $error) {
            http_response_code($error->status);
            $this->view->page('error', (string) $error->status, ['status' => $error->status, 'text' => $error->getMessage()]);
        }
    }

    private function route(string $method, string $path): void
    {
        if ($method === 'POST') {
            $this->session->checkToken($_POST['token'] ?? null);
        }
        $get = $method === 'GET' || $method === 'HEAD';
        $id = preg_match('~^/notes/(\d{1,15})(?:/\w+)?$~', $path, $match) ? (int) $match[1] : 0;
        match (true) {
            $get && $path === '/' => $this->home(),
            $path === '/register' => $get ? $this->form('register', 'Register') : $this->register(),
            $path === '/login' => $get ? $this->form('login', 'Log in') : $this->logIn(),
            !$get && $path === '/logout' => $this->logOut(),
            $path === '/notes' && !$get => $this->createNote(),
            $get && $path === "/notes/$id" => $this->showNote($id),
            $get && $path === "/notes/$id/file" => $this->download($id),
            !$get && $path === "/notes/$id/delete" => $this->deleteNote($id),
            $get && $path === '/progress' => $this->progress(),
            $get && $path === '/server' => $this->view->page('server', 'Server', ['facts' => Server::facts()]),
            default => throw new HttpError(404, 'There is nothing at this address.'),
        };
    }

    /** The same for everybody, so the server may keep it: no session, no cookie. It is forgotten when a note comes or goes. */
    private function figures(): void
    {
        header('Askr-Cache: 60, tags=notes, swr=60');
        header('Cache-Control: public, max-age=0');
        $this->view = new View(['user' => null, 'token' => '', 'message' => null]);
        $this->view->page('figures', 'Figures', ['notes' => $this->notes->count(), 'made' => date('H:i:s')]);
    }

    private function home(): void
    {
        $user = $this->session->user();
        if ($user === null) {
            $this->view->page('welcome', 'Notes');
        } else {
            $this->view->page('notes', 'Notes', ['notes' => $this->notes->ofUser($user), 'values' => [], 'errors' => []]);
        }
    }

    /** @param array<string, string> $values @param array<string, string> $errors */
    private function form(string $template, string $title, array $values = [], array $errors = []): void
    {
        if ($errors !== []) {
            http_response_code(422);
        }
        $this->view->page($template, $title, ['values' => $values, 'errors' => $errors]);
    }

    private function register(): void
    {
        $name = self::text('name');
        $password = self::text('password');
        $errors = $this->users->validate($name, $password);
        if ($errors !== []) {
            $this->form('register', 'Register', ['name' => $name], $errors);

            return;
        }
        $this->session->logIn($this->users->register($name, $password));
        $this->redirect('/', "Welcome, $name.");
    }

    private function logIn(): void
    {
        $name = self::text('name');
        $user = $this->users->authenticate($name, self::text('password'));
        if ($user === null) {
            $this->form('login', 'Log in', ['name' => $name], ['name' => 'Name and password do not match.']);

            return;
        }
        $this->session->logIn($user);
        $this->redirect('/', "Welcome back, $name.");
    }

    private function logOut(): void
    {
        $this->session->logOut();
        $this->redirect('/', 'You are logged out.');
    }

    private function createNote(): void
    {
        $user = $this->currentUser();
        $title = self::text('title');
        $body = self::text('body');
        $file = is_string($_FILES['file']['name'] ?? null) ? $_FILES['file'] : null;
        $errors = $this->notes->validate($title, $body, $file);
        if ($errors !== []) {
            http_response_code(422);
            $values = ['title' => $title, 'body' => $body];
            $this->view->page('notes', 'Notes', ['notes' => $this->notes->ofUser($user), 'values' => $values, 'errors' => $errors]);

            return;
        }
        $id = $this->notes->create($user, $title, $body, $file);
        askr_cache_forget_tag('notes');
        $this->redirect("/notes/$id", 'Your note is kept.');
    }

    private function showNote(int $id): void
    {
        $note = $this->notes->find($this->currentUser(), $id);
        $this->view->page('note', $note['title'], ['note' => $note]);
    }

    private function deleteNote(int $id): void
    {
        $this->notes->delete($this->currentUser(), $id);
        askr_cache_forget_tag('notes');
        $this->redirect('/', 'The note is gone.');
    }

    /** Always a download, never shown by the browser: the file comes from a user. */
    private function download(int $id): void
    {
        $note = $this->notes->find($this->currentUser(), $id);
        if ($note['file_stored'] === null) {
            throw new HttpError(404, 'This note has no file.');
        }
        $this->session->release();
        header('Content-Type: application/octet-stream');
        header('Content-Length: ' . $note['file_size']);
        header("Content-Disposition: attachment; filename*=UTF-8''" . rawurlencode($note['file_name']));
        readfile($this->notes->path($note));
    }

    /** Three seconds of work; each step reaches the browser as soon as it is done. */
    private function progress(): void
    {
        $this->session->release();
        $this->view->part('header', ['title' => 'Progress']);
        $this->view->part('progress');
        $steps = 15;
        for ($step = 1; $step <= $steps && !connection_aborted(); ++$step) {
            usleep(200_000);
            $this->view->part('progress_step', ['step' => $step, 'steps' => $steps]);
            while (ob_get_level() > 0) {
                ob_end_flush();
            }
            flush();
        }
        $this->view->part('progress_end');
        $this->view->part('footer');
    }

    private function currentUser(): int
    {
        return $this->session->user() ?? throw new HttpError(403, 'Please log in first.');
    }

    private function redirect(string $path, string $message): void
    {
        $this->session->say($message);
        header("Location: $path", true, 303);
    }

    /** A text field of the form, trimmed; empty when it is missing or no text. */
    private static function text(string $field): string
    {
        $value = $_POST[$field] ?? '';

        return is_string($value) ? trim($value) : '';
    }
}
