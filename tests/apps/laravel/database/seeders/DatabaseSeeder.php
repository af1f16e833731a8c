<?php

namespace Database\Seeders;

use App\Models\User;
use Illuminate\Database\Seeder;

class DatabaseSeeder extends Seeder
{
    public function run(): void
    {
        foreach (['Ada', 'Grace'] as $name) {
            User::create([
                'name' => $name,
                'email' => strtolower($name).'@example.org',
                'password' => strtolower($name).'-secret',
            ]);
        }
    }
}
