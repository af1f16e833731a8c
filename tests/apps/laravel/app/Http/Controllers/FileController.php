<?php

namespace App\Http\Controllers;

use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Storage;
use Symfony\Component\HttpFoundation\BinaryFileResponse;

class FileController
{
    public function store(Request $request): JsonResponse
    {
        $request->validate(['label' => ['required'], 'file' => ['required', 'file', 'max:20480']]);
        $file = $request->file('file');
        $answer = [
            'label' => $request->input('label'),
            'original' => $file->getClientOriginalName(),
            'type' => $file->getClientMimeType(),
            'size' => $file->getSize(),
            'valid' => $file->isValid(),
            'more' => array_map(fn ($one) => $one->getClientOriginalName(), $request->file('more', [])),
        ];
        $answer['stored'] = basename($file->store('uploads'));

        return response()->json($answer, 201);
    }

    public function show(string $name): BinaryFileResponse
    {
        $path = Storage::path('uploads/'.$name);
        abort_unless(is_file($path), 404);

        return response()->download($path, 'copy-of-'.$name);
    }
}
