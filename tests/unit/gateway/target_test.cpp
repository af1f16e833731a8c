#include "gateway/target.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/clock.hpp"
#include "folder.hpp"

using askr::gateway::DocumentRoot;
using askr::pipeline::TargetKind;
using askr::pipeline::Transaction;
using askr::test::Folder;

namespace {

struct Site {
  Folder folder;
  DocumentRoot root;
  int64_t now = 0;
  Site() { root.path = folder.path(); }

  // "file /a.css", "script /index.php|/x", "forbidden", ...
  std::string resolve(std::string_view raw_path) {
    Transaction transaction;
    transaction.times.accepted = now;
    transaction.head.raw_path = raw_path;
    resolve_target(root, transaction);
    const auto& target = transaction.target;
    switch (target.kind) {
      case TargetKind::file:
        CHECK(S_ISREG(target.file_status.st_mode));
        return "file " + target.file_path.substr(root.path.size());
      case TargetKind::script:
        return "script " + target.script_name + "|" + target.path_info;
      case TargetKind::forbidden:
        return "forbidden";
      case TargetKind::directory:
        return "directory";
      case TargetKind::bad_path:
        return "bad path";
      case TargetKind::missing:
        return "missing";
      case TargetKind::unresolved:
        return "unresolved";
    }
    return "";
  }
};

constexpr const char* kFront = "script /index.php|";

}  // namespace

TEST_CASE("files are files and everything else belongs to the front controller") {
  Site site;
  site.folder.write("index.php");
  site.folder.write("css/a b.css", "x");
  CHECK(site.resolve("/") == kFront);
  CHECK(site.resolve("/css/a%20b.css") == "file /css/a b.css");
  CHECK(site.resolve("//css/./x/../a%20b.css") == "file /css/a b.css");
  CHECK(site.resolve("/posts/1") == kFront);
  CHECK(site.resolve("/posts/") == kFront);
  CHECK(site.resolve("/css/missing.css") == kFront);
  CHECK(site.resolve("/css/a%20b.css/") == kFront);
  CHECK(site.resolve("/css/a%20b.css/more") == kFront);
  CHECK(site.resolve("/" + std::string(5000, 'a')) == kFront);
}

TEST_CASE("a route is looked for on the disk once a second, a name with an extension each time") {
  Site site;
  site.folder.write("index.php");
  CHECK(site.resolve("/posts") == kFront);
  CHECK(site.resolve("/small.png") == kFront);
  site.folder.write("posts", "x");
  site.folder.write("small.png", "x");
  CHECK(site.resolve("/small.png") == "file /small.png");
  site.now = askr::kSecond - 1;
  CHECK(site.resolve("/posts") == kFront);
  site.now = askr::kSecond;
  CHECK(site.resolve("/posts") == "file /posts");
}

TEST_CASE("the decoded path is left in the transaction") {
  Site site;
  site.folder.write("index.php");
  Transaction transaction;
  transaction.head.raw_path = "/a/../b%20c/";
  resolve_target(site.root, transaction);
  CHECK(transaction.path == "/b c/");
}

TEST_CASE("scripts are run with what follows them as path info") {
  Site site;
  site.folder.write("index.php");
  site.folder.write("admin/tool.php");
  site.folder.write("odd.php/inner.php");
  CHECK(site.resolve("/index.php") == kFront);
  CHECK(site.resolve("/index.php/") == "script /index.php|/");
  CHECK(site.resolve("/index.php/Main_Page") == "script /index.php|/Main_Page");
  CHECK(site.resolve("/index.php/a.php/b") == "script /index.php|/a.php/b");
  CHECK(site.resolve("/index.phpx/b") == kFront);
  CHECK(site.resolve("/admin/tool.php") == "script /admin/tool.php|");
  CHECK(site.resolve("/admin/tool.php/b/c") == "script /admin/tool.php|/b/c");
  CHECK(site.resolve("/odd.php/inner.php") == "script /odd.php/inner.php|");
  CHECK(site.resolve("/odd.php/inner.php/x") == "script /odd.php/inner.php|/x");
  CHECK(site.resolve("/odd.php/x") == kFront);
  CHECK(site.resolve("/missing.php") == kFront);
  CHECK(site.resolve("/missing.php/x") == kFront);
}

TEST_CASE("behind what is not there nothing is looked for, and behind a file is path info") {
  Site site;
  site.folder.write("index.php");
  site.folder.write("tool.php");
  site.folder.write("a.php/b.php/c.php");
  CHECK(site.resolve("/a.php/b.php/c.php/d.php/e") == "script /a.php/b.php/c.php|/d.php/e");
  CHECK(site.resolve("/a.php/none.php/c.php/d") == kFront);
  std::string many;
  for (int count = 0; count < 5000; ++count) many += "/tool.php";
  CHECK(site.resolve(many) == "script /tool.php|" + many.substr(9));
  CHECK(site.resolve("/none.php" + many) == kFront);
}

TEST_CASE("an upload is not run because a script's name is put behind it") {
  Site site;
  site.folder.write("index.php");
  site.folder.write("uploads/picture.jpg", "<?php");
  CHECK(site.resolve("/uploads/picture.jpg/x.php") == kFront);
  CHECK(site.resolve("/uploads/picture.jpg%00.php") == "bad path");
}

TEST_CASE("folders are their index, under a name with a slash") {
  Site site;
  site.folder.write("index.php");
  site.folder.write("app/index.php");
  site.folder.write("app/index.html");
  site.folder.write("docs/index.html");
  site.folder.write("images/a.png");
  CHECK(site.resolve("/app/") == "script /app/index.php|");
  CHECK(site.resolve("/app") == "directory");
  CHECK(site.resolve("/docs/") == "file /docs/index.html");
  CHECK(site.resolve("/docs") == "directory");
  CHECK(site.resolve("/images/") == kFront);
  CHECK(site.resolve("/images") == kFront);
}

TEST_CASE("another front controller serves the start page, whatever index lies beside it") {
  Site site;
  site.root.front = "app.php";
  site.folder.write("app.php");
  CHECK(site.resolve("/") == "script /app.php|");
  CHECK(site.resolve("/x") == "script /app.php|");
  CHECK(site.resolve("/app.php/x") == "script /app.php|/x");
  site.folder.write("index.html");
  site.folder.write("index.php");
  CHECK(site.resolve("/") == "script /app.php|");
}

TEST_CASE("without a front controller what is not there is missing") {
  Site site;
  site.folder.write("page.html");
  CHECK(site.resolve("/") == "missing");
  CHECK(site.resolve("/x") == "missing");
  CHECK(site.resolve("/index.php/x") == "missing");
  CHECK(site.resolve("/page.html") == "file /page.html");
  site.folder.write("index.html");
  CHECK(site.resolve("/") == "file /index.html");
}

TEST_CASE("in worker mode every path that is no file belongs to the worker script") {
  Site site;
  site.root.worker_mode = true;
  site.folder.write("a.css");
  site.folder.write("tool.php");
  site.folder.write("docs/index.html");
  site.folder.write("docs/index.php");
  CHECK(site.resolve("/") == kFront);
  CHECK(site.resolve("/a.css") == "file /a.css");
  CHECK(site.resolve("/tool.php") == kFront);
  CHECK(site.resolve("/tool.php/x") == kFront);
  CHECK(site.resolve("/index.php") == kFront);
  CHECK(site.resolve("/index.php/x") == "script /index.php|/x");
  CHECK(site.resolve("/index.phpx/x") == kFront);
  CHECK(site.resolve("/docs/") == "file /docs/index.html");
  CHECK(site.resolve("/.env") == "forbidden");
}

TEST_CASE("dotfiles and what is below dot-folders are never served") {
  Site site;
  site.folder.write("index.php");
  site.folder.write(".env");
  site.folder.write(".git/config");
  site.folder.write("a/.htaccess");
  site.folder.write(".hidden/x.php");
  site.folder.write(".well-known/acme/token");
  site.folder.write(".well-known/.secret");
  for (const char* path : {"/.env", "/%2eenv", "/.git/config", "/.git/", "/.git", "/a/.htaccess", "/.hidden/x.php",
                           "/.missing", "/.well-known/.secret", "/.well-knownx/a", "/..env", "/a/.well-known/x"}) {
    INFO(path);
    CHECK(site.resolve(path) == "forbidden");
  }
  CHECK(site.resolve("/.well-known/acme/token") == "file /.well-known/acme/token");
  CHECK(site.resolve("/.well-known/missing") == kFront);
}

TEST_CASE("a path info may begin with a dot, because it names no file") {
  Site site;
  site.folder.write("index.php");
  site.folder.write("info.php");
  site.folder.write(".hidden/x.php");
  site.folder.write("odd.php/.env");
  CHECK(site.resolve("/index.php/.NET") == "script /index.php|/.NET");
  CHECK(site.resolve("/info.php/.env") == "script /info.php|/.env");
  CHECK(site.resolve("/info.php/a/.b/c.php/d") == "script /info.php|/a/.b/c.php/d");
  for (const char* path : {"/odd.php/.env", "/missing.php/.env", "/.hidden/x.php/y", "/.hidden/x.php/.y",
                           "/x/.git/config", "/x/.git/config.php/y"}) {
    INFO(path);
    CHECK(site.resolve(path) == "forbidden");
  }
  site.root.worker_mode = true;
  CHECK(site.resolve("/index.php/.NET") == "script /index.php|/.NET");
  CHECK(site.resolve("/info.php/.env") == "forbidden");
}

TEST_CASE("sources are never served as bytes") {
  Site site;
  site.folder.write("index.php");
  for (const char* name :
       {"a.PHP",  "a.php5",    "a.php3",      "a.phps",       "a.phpt",    "a.pht",      "a.phtml",
        "a.phar", "a.PhAr",    "a.inc",       "a.php.old",    "a.php.txt", "a.php-dist", "a.php_",
        "a.phtm", "a.inc.txt", "a.phtml.txt", "a.php5.b.txt", "A.INC.TXT", "a.phar.gz",  "a..inc..txt"}) {
    INFO(name);
    site.folder.write(name, "<?php");
    CHECK(site.resolve("/" + std::string(name)) == "forbidden");
  }
  for (const char* name :
       {"a.txt", "php", "php.js", "a.include", "a.phone", "increment.js", "inc.css", "phtml.min.js", "a.incl.txt"}) {
    INFO(name);
    site.folder.write(name, "x");
    CHECK(site.resolve("/" + std::string(name)) == "file /" + std::string(name));
  }
}

TEST_CASE("what editors leave behind is never served") {
  Site site;
  site.folder.write("index.php");
  for (const char* name :
       {"a.txt~", "index.php~", "a.bak", "a.txt.BAK", "a.swp", "a.swo", "a.orig", "a.save", "#a.txt#"}) {
    INFO(name);
    site.folder.write(name, "x");
    std::string path = "/" + std::string(name);
    for (size_t at = 0; (at = path.find('#')) != std::string::npos;) path.replace(at, 1, "%23");
    CHECK(site.resolve(path) == "forbidden");
  }
  CHECK(site.resolve("/missing.bak") == kFront);
}

TEST_CASE("only regular files are served") {
  Site site;
  site.folder.write("index.php");
  REQUIRE(::mkfifo(site.folder.at("pipe").c_str(), 0600) == 0);
  CHECK(site.resolve("/pipe") == "forbidden");
  REQUIRE(::mkfifo(site.folder.at("pipe.php").c_str(), 0600) == 0);
  CHECK(site.resolve("/pipe.php") == "forbidden");
}

TEST_CASE("symbolic links are followed") {
  Site site;
  const Folder elsewhere;
  elsewhere.write("a.txt");
  site.folder.write("index.php");
  std::filesystem::create_symlink(elsewhere.path(), site.folder.at("storage"));
  std::filesystem::create_symlink("loop", site.folder.at("loop"));
  CHECK(site.resolve("/storage/a.txt") == "file /storage/a.txt");
  CHECK(site.resolve("/loop") == kFront);
}

TEST_CASE("paths out of the root are bad") {
  Site site;
  site.folder.write("index.php");
  for (const char* path : {"/../x", "/%2e%2e/x", "/a/../../x", "/a%00", "/%zz", "*"}) {
    INFO(path);
    CHECK(site.resolve(path) == "bad path");
  }
}
