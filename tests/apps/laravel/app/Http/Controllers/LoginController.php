<?php

namespace App\Http\Controllers;

use Illuminate\Contracts\View\View;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\RedirectResponse;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;

class LoginController
{
    public function form(): View
    {
        return view('login');
    }

    public function login(Request $request): RedirectResponse
    {
        $credentials = $request->validate(['email' => ['required', 'email'], 'password' => ['required']]);
        if (! Auth::attempt($credentials)) {
            return back()->withErrors(['email' => 'These credentials do not match.'])->onlyInput('email');
        }
        $request->session()->regenerate();

        return redirect('/me');
    }

    public function logout(Request $request): RedirectResponse
    {
        Auth::logout();
        $request->session()->invalidate();
        $request->session()->regenerateToken();

        return redirect('/login');
    }

    public function me(Request $request): JsonResponse
    {
        return response()->json([
            'user' => $request->user()->email,
            'facade' => Auth::user()->email,
            'session' => session()->getId(),
            'pid' => getmypid(),
        ]);
    }
}
