<!DOCTYPE html>
<html lang="{{ str_replace('_', '-', app()->getLocale()) }}">
<head>
    <meta charset="utf-8">
    <meta name="csrf-token" content="{{ csrf_token() }}">
    <title>@yield('title') - {{ config('app.name') }}</title>
</head>
<body>
<header><a href="{{ url('/page') }}">{{ config('app.name') }}</a></header>
<main>
@yield('content')
</main>
<footer>@auth signed in as {{ auth()->user()->name }} @else not signed in @endauth</footer>
</body>
</html>
