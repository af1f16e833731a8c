@extends('layout')

@section('title', 'Articles')

@section('content')
<h1>Articles</h1>
<table>
<thead><tr><th>No.</th><th>Title</th><th>Author</th><th>Price</th><th>Stock</th></tr></thead>
<tbody>
@foreach ($rows as $row)
@include('rows.article', $row)
@endforeach
</tbody>
</table>
@endsection
