<?php

use App\Http\Controllers\ApiController;
use App\Http\Controllers\StateController;
use Illuminate\Support\Facades\Route;

Route::get('/hello', [ApiController::class, 'hello']);
Route::match(['post', 'put', 'patch', 'delete'], '/echo', [ApiController::class, 'echo']);
Route::get('/leave', [ApiController::class, 'leave']);
Route::get('/error', [ApiController::class, 'error']);
Route::get('/leak', [ApiController::class, 'leak']);
Route::get('/worker', [ApiController::class, 'worker']);
Route::get('/state/dirty', [StateController::class, 'dirty']);
Route::get('/state', [StateController::class, 'report']);
