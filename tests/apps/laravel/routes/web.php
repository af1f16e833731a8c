<?php

use App\Http\Controllers\FileController;
use App\Http\Controllers\LoginController;
use App\Http\Controllers\NoteController;
use App\Http\Controllers\PageController;
use App\Http\Controllers\StreamController;
use Illuminate\Support\Facades\Route;

Route::get('/page', PageController::class);

Route::get('/notes', [NoteController::class, 'index'])->name('notes');
Route::post('/notes', [NoteController::class, 'store']);

Route::get('/login', [LoginController::class, 'form'])->name('login');
Route::post('/login', [LoginController::class, 'login']);
Route::post('/logout', [LoginController::class, 'logout']);
Route::get('/me', [LoginController::class, 'me'])->middleware('auth');

Route::post('/files', [FileController::class, 'store']);
Route::get('/files/{name}', [FileController::class, 'show'])->where('name', '[A-Za-z0-9._-]+');

Route::get('/stream', [StreamController::class, 'lines']);
Route::get('/stream/download', [StreamController::class, 'download']);
