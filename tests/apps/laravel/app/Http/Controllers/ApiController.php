<?php

namespace App\Http\Controllers;

use App\Support\Visit;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use RuntimeException;

class ApiController
{
    private static int $served = 0;

    public function hello(Request $request): JsonResponse
    {
        return response()->json([
            'message' => 'Hello, '.$request->query('name', 'world'),
            'path' => $request->path(),
        ]);
    }

    public function echo(Request $request, Visit $visit): JsonResponse
    {
        $visit->touch();

        return response()->json([
            'method' => $request->method(),
            'input' => $request->all(),
            'raw' => $request->getContent(),
            'header' => $request->header('X-Probe'),
            'content_type' => $request->header('Content-Type'),
            'url' => $request->fullUrl(),
            'ip' => $request->ip(),
            'visits' => $visit->touch(),
        ], $request->isMethod('post') ? 201 : 200);
    }

    /** Ends in the middle of things, as dd() and some packages do. */
    public function leave(): never
    {
        config(['app.name' => 'left behind']);
        echo 'left early';
        exit;
    }

    public function error(): never
    {
        throw new RuntimeException('asked to fail');
    }

    /** Keeps state in a static on purpose: shows which isolation a server gives. */
    public function leak(): JsonResponse
    {
        return response()->json(['served' => ++self::$served, 'pid' => getmypid()]);
    }

    public function worker(): JsonResponse
    {
        return response()->json(['pid' => getmypid(), 'memory' => memory_get_usage()]);
    }
}
