#include "process/source_watch.hpp"

#include <catch2/catch.hpp>

using askr::process::application_folder;
using askr::process::SourceWatch;

TEST_CASE("sources are what PHP and its templates are made of") {
  for (const char* name :
       {"a.php", "page.blade.php", "x.twig", "services.yaml", ".env", ".env.local", "composer.lock"}) {
    CHECK(SourceWatch::is_source(name));
  }
  for (const char* name : {"data.sqlite", "laravel.log", "photo.jpg", "Makefile", ".php", "a.php~", "4913", "a.swp"}) {
    CHECK_FALSE(SourceWatch::is_source(name));
  }
}

TEST_CASE("folders that tools and the application write to are left out") {
  for (const char* name : {".git", "node_modules", "storage", "cache", "var"})
    CHECK_FALSE(SourceWatch::is_watched_folder(name));
  for (const char* name : {"src", "app", "vendor", "config"}) CHECK(SourceWatch::is_watched_folder(name));
}

TEST_CASE("the application is what app_base says, else what holds the public folder") {
  CHECK(application_folder("/srv/app", "/srv/app/public") == "/srv/app");
  CHECK(application_folder("", "/srv/app/public") == "/srv/app");
  CHECK(application_folder("", "/srv/wordpress") == "/srv/wordpress");
}
