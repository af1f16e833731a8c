<?php

namespace App\Http\Controllers;

use Illuminate\Http\Request;
use Symfony\Component\HttpFoundation\StreamedResponse;

class StreamController
{
    /** Writes numbered lines and flushes each; the query says how many and how long to wait in between. */
    public function lines(Request $request): StreamedResponse
    {
        $lines = min($request->integer('lines', 5), 100_000);
        $pause = min($request->integer('pause_ms', 0), 1_000);

        return response()->stream(function () use ($lines, $pause): void {
            for ($number = 1; $number <= $lines; $number++) {
                echo "line {$number}\n";
                if (ob_get_level() > 0) {
                    ob_flush();
                }
                flush();
                usleep($pause * 1000);
            }
        }, 200, ['Content-Type' => 'text/plain']);
    }

    public function download(): StreamedResponse
    {
        return response()->streamDownload(function (): void {
            echo "id,name\n1,Ada\n2,Grace\n";
        }, 'people.csv', ['Content-Type' => 'text/csv']);
    }
}
