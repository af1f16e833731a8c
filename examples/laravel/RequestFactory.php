<?php

namespace Askr\Laravel;

use Illuminate\Http\Request;
use Illuminate\Http\UploadedFile;

/**
 * Makes a Laravel request from the array that askr_handle_request() passes to its handler.
 *
 * Request::capture() builds a Symfony request first and copies it into a Laravel one. Here the Laravel request is
 * built at once, with the same rules: JSON and url-encoded bodies of PUT, PATCH and DELETE become input, empty file
 * fields are left out. A body of more than 8 MB is not in the array; Laravel takes it from php://input when asked.
 */
final class RequestFactory
{
    private const METHODS_WITH_UNPARSED_FORMS = ['PUT' => true, 'PATCH' => true, 'DELETE' => true, 'QUERY' => true];

    /** @param array{method: string, query: string, headers: array, body: string, post: array, files: array} $incoming */
    public function create(array $incoming): Request
    {
        $query = [];
        if ($incoming['query'] !== '') {
            parse_str($incoming['query'], $query);
        }
        $files = $incoming['files'] === [] ? [] : $this->files($incoming['files']);

        $request = new Request(
            $query, $this->form($incoming), [], $_COOKIE, $files, $incoming['headers'], $incoming['body'] ?: null);
        if ($request->isJson()) {
            $request->request = $request->json();
        }

        return $request;
    }

    private function form(array $incoming): array
    {
        if (! isset(self::METHODS_WITH_UNPARSED_FORMS[$incoming['method']])) {
            return $incoming['post'];
        }
        $type = $incoming['headers']['CONTENT_TYPE'] ?? '';
        if ($type !== '' && ! str_starts_with($type, 'application/x-www-form-urlencoded')) {
            return $incoming['post'];
        }
        parse_str($incoming['body'] ?: file_get_contents('php://input'), $form);

        return $form;
    }

    /**
     * The list of uploads, nested as their field names say: `photos[]`, `user[avatar]`. PHP's own parser of such
     * names does the work; each leaf is first the position in the list, then the file.
     */
    private function files(array $uploads): array
    {
        $names = [];
        foreach ($uploads as $position => $upload) {
            if ($upload['error'] !== UPLOAD_ERR_NO_FILE) {
                $names[] = strtr(urlencode($upload['field']), ['%5B' => '[', '%5D' => ']']).'='.$position;
            }
        }
        parse_str(implode('&', $names), $files);
        array_walk_recursive($files, function (string|UploadedFile &$leaf) use ($uploads): void {
            $leaf = $this->file($uploads[(int) $leaf]);
        });

        return $files;
    }

    /** In test mode: PHP's own list of uploads belongs to the SAPI, and this file is known to come from it. */
    private function file(array $upload): UploadedFile
    {
        return new UploadedFile($upload['tmp_name'], $upload['name'], $upload['type'] ?: null, $upload['error'], true);
    }
}
