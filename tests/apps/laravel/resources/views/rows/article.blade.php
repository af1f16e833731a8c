<tr class="{{ $number % 2 ? 'odd' : 'even' }}">
    <td>{{ $number }}</td>
    <td><a href="{{ url('/articles/'.$number) }}">{{ $title }}</a></td>
    <td class="author" title="author">{{ $author }}</td>
    <td>{{ number_format($price, 2) }}</td>
    <td>@if ($in_stock) in stock @else sold out @endif</td>
</tr>
