<?php

namespace App\Http\Controllers;

use Illuminate\Contracts\View\View;

/** A page as most applications have it: a layout and one include per row. Rendered, it is about 5 KB. */
class PageController
{
    private const ROWS = 20;

    public function __invoke(): View
    {
        $rows = [];
        for ($number = 1; $number <= self::ROWS; $number++) {
            $rows[] = [
                'number' => $number,
                'title' => "Article number {$number}",
                'author' => 'Author & Son '.($number % 7),
                'price' => $number * 1.25,
                'in_stock' => $number % 3 !== 0,
            ];
        }

        return view('page', ['rows' => $rows]);
    }
}
