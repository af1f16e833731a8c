@extends('layout')

@section('title', 'Notes')

@section('content')
@if (session('status'))<p id="status">{{ session('status') }}</p>@endif
@foreach ($errors->all() as $error)<p class="error">{{ $error }}</p>@endforeach
<form method="post" action="/notes">
@csrf
<input name="title" value="{{ old('title') }}">
<textarea name="text">{{ old('text') }}</textarea>
</form>
<ul>
@foreach ($notes as $note)
<li>{{ $note->title }}: {{ $note->text }}</li>
@endforeach
</ul>
@endsection
