<?php

namespace App\Http\Controllers;

use App\Support\Visit;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;
use Illuminate\Pagination\Paginator;
use Illuminate\Support\Facades\App;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Cookie;
use Illuminate\Support\Facades\Context;
use Illuminate\Support\Facades\DB;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Log;
use Illuminate\Support\Facades\Mail;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\Facades\URL;
use Illuminate\Support\Facades\View;
use Illuminate\Support\Number;
use Illuminate\Support\Str;

/** One request writes to everything a framework keeps for a request; another reports what it finds there. */
class StateController
{
    public function dirty(Request $request, Visit $visit): JsonResponse
    {
        $mark = (string) $request->query('mark', 'dirty');

        config(['app.name' => $mark, 'askr.only_here' => $mark]);
        App::setLocale('de');
        Number::useLocale('de');
        View::share('mark', $mark);
        View::startPush('scripts', $mark);
        URL::forceRootUrl('http://'.$mark.'.example');
        URL::defaults(['mark' => $mark]);
        Cookie::queue('mark', $mark);
        Context::add('mark', $mark);
        Context::addHidden('secret', $mark);
        Log::shareContext(['mark' => $mark]);
        Event::listen('askr.probe', fn () => $mark);
        Paginator::currentPageResolver(fn () => 77);
        App::instance('askr.instance', $mark);
        App::bind('askr.binding', fn () => $mark);
        Route::get('/added-at-run-time', fn () => $mark);
        Mail::alwaysTo($mark.'@example.org');
        Auth::viaRequest('mark', fn () => null);
        DB::enableQueryLog();
        DB::select('select 1');
        DB::beginTransaction();
        DB::table('notes')->insert(['title' => $mark, 'text' => 'never committed']);
        $request->merge(['mark' => $mark]);
        $visit->touch();
        once(fn () => $mark);
        date_default_timezone_set('Asia/Tokyo');

        return response()->json(['marked' => $mark, 'pid' => getmypid()]);
    }

    public function report(Request $request, Visit $visit): JsonResponse
    {
        return response()->json([
            'pid' => getmypid(),
            'state' => [
                'app.name' => config('app.name'),
                'config' => config('askr.only_here'),
                'locale' => App::getLocale(),
                'translator' => app('translator')->getLocale(),
                'number_locale' => Number::defaultLocale(),
                'view' => View::shared('mark'),
                'pushed' => app('view')->yieldPushContent('scripts'),
                'root_url' => url('/'),
                'url_defaults' => URL::getDefaultParameters(),
                'cookies' => count(Cookie::getQueuedCookies()),
                'context' => Context::all() + Context::allHidden(),
                'log' => Log::sharedContext(),
                'listeners' => Event::hasListeners('askr.probe'),
                'page' => Paginator::resolveCurrentPage(),
                'instance' => App::bound('askr.instance'),
                'binding' => App::bound('askr.binding'),
                'route' => collect(Route::getRoutes()->getRoutes())->contains(fn ($route) => $route->uri() === 'added-at-run-time'),
                'query_log' => count(DB::getQueryLog()),
                'transaction' => DB::transactionLevel(),
                'notes' => DB::table('notes')->where('text', 'never committed')->count(),
                'input' => $request->input('mark'),
                'visits' => $visit->touch(),
                'request' => request() === $request && app('request') === $request && app(Request::class) === $request,
                'user' => Auth::user()?->email,
                'timezone' => date_default_timezone_get(),
                'str' => Str::snake('FooBar'),
            ],
        ]);
    }
}
