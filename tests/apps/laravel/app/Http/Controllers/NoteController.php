<?php

namespace App\Http\Controllers;

use App\Models\Note;
use Illuminate\Contracts\View\View;
use Illuminate\Http\RedirectResponse;
use Illuminate\Http\Request;

class NoteController
{
    public function index(): View
    {
        return view('notes', ['notes' => Note::orderBy('id')->get()]);
    }

    public function store(Request $request): RedirectResponse
    {
        Note::create($request->validate([
            'title' => ['required', 'string', 'max:60'],
            'text' => ['required', 'string'],
        ]));

        return redirect()->route('notes')->with('status', 'Note saved');
    }
}
