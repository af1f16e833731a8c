@extends('layout')

@section('title', 'Sign in')

@section('content')
@foreach ($errors->all() as $error)<p class="error">{{ $error }}</p>@endforeach
<form method="post" action="/login">
@csrf
<input name="email" value="{{ old('email') }}">
<input name="password" type="password">
</form>
@endsection
