#include "cli/doctor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/framework.hpp"

namespace {

using namespace askr;
using namespace askr::cli;

class Project {
 public:
  Project() {
    char pattern[] = "/tmp/askr-doctor-test-XXXXXX";
    path_ = mkdtemp(pattern);
  }
  ~Project() { std::filesystem::remove_all(path_); }
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] std::string in(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] Findings examine(const PhpFacts& facts = {}) const {
    const auto line = config::parse_command_line({"--root=public"}, {}, 0, path_).value();
    return examine_application(config::load(line, {}, path_).value(), facts);
  }

 private:
  std::string path_;
};

bool has(const Findings& findings, Grade grade, const std::string& text) {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.grade == grade && finding.text.find(text) != std::string::npos;
  });
}

void make_laravel(const Project& project) {
  project.write("public/index.php", "<?php");
  project.write("artisan", "");
  project.write("bootstrap/app.php", "<?php");
  project.write("composer.json", R"({"require":{"ext-GD":"*","ext-redis":"*"},"autoload":{"psr-4":{"App\\":"app/"}}})");
}

TEST_CASE("frameworks are told from their files") {
  Project project;
  project.write("public/x", "");
  CHECK(find_application(project.in("public")).framework == Framework::unknown);
  project.write("wordpress/wp-includes/version.php", "");
  CHECK(find_application(project.in("wordpress")).framework == Framework::wordpress);
  project.write("wiki/includes/WebStart.php", "");
  project.write("wiki/api.php", "");
  CHECK(find_application(project.in("wiki")).framework == Framework::mediawiki);
  project.write("config/bundles.php", "");
  CHECK(find_application(project.in("public")).framework == Framework::symfony);
  CHECK(find_application(project.in("public")).base == project.path());
}

TEST_CASE("an application that is built of Symfony's parts is not Symfony") {
  Project project;
  project.write("public/index.php", "<?php");
  project.write("vendor/symfony/framework-bundle/composer.json", "{}");
  project.write("src/SimpleSAML/Kernel.php", "<?php");
  CHECK(find_application(project.in("public")).framework == Framework::unknown);
  Project symfony;
  symfony.write("public/index.php", "<?php");
  symfony.write("vendor/symfony/framework-bundle/composer.json", "{}");
  symfony.write("src/Kernel.php", "<?php");
  CHECK(find_application(symfony.in("public")).framework == Framework::symfony);
}

TEST_CASE("a root without a front controller is not said to have one") {
  const Project project;
  project.write("public/tool.php", "<?php");
  const Findings findings = project.examine();
  CHECK(has(findings, Grade::ok, "no front controller: there is no index.php"));
  CHECK_FALSE(has(findings, Grade::ok, "front controller index.php"));
  project.write("public/index.php", "<?php");
  CHECK(has(project.examine(), Grade::ok, "front controller index.php"));
}

TEST_CASE("the PHP that composer.json asks for is compared with this one") {
  const Project project;
  project.write("public/index.php", "<?php");
  project.write("vendor/autoload.php", "<?php");
  PhpFacts facts;
  facts.version = "8.2.30";
  const auto with = [&](const std::string& constraint) {
    project.write("composer.json", R"({"require":{"php":")" + constraint + R"("}})");
    return has(project.examine(facts), Grade::fail, "composer.json asks for PHP " + constraint);
  };
  CHECK(with(">=8.3"));
  CHECK_FALSE(with(">=8.2"));
}

TEST_CASE("packages that nothing asks for may be missing") {
  const Project project;
  project.write("public/index.php", "<?php echo 'fine';");
  project.write("composer.json", R"({"require":{"pear/mail":"*"}})");
  CHECK(has(project.examine(), Grade::warn, "vendor/autoload.php is missing"));
  project.write("public/index.php", "<?php require __DIR__ . '/../vendor/autoload.php';");
  CHECK(has(project.examine(), Grade::fail, "vendor/autoload.php is missing"));
  project.write("composer.json", R"({"config":{"vendor-dir":"libraries"}})");
  CHECK(has(project.examine(), Grade::fail, "libraries/autoload.php is missing"));
  project.write("libraries/autoload.php", "<?php");
  CHECK_FALSE(has(project.examine(), Grade::fail, "is missing"));
}

TEST_CASE("dotenv values lose quotes and comments, the last one counts") {
  Project project;
  project.write(".env", "A=1\n#A=2\n export B = \"x y\" # why\nC='#z'\nA=3\nD=\n");
  const std::string file = project.in(".env");
  CHECK(dotenv_value(file, "A") == "3");
  CHECK(dotenv_value(file, "B") == "x y");
  CHECK(dotenv_value(file, "C") == "#z");
  CHECK(dotenv_value(file, "D").empty());
  CHECK(dotenv_value(file, "E").empty());
  CHECK(dotenv_value(project.in("none"), "A").empty());
}

TEST_CASE("a Laravel project without its packages and key does not pass") {
  const Project project;
  make_laravel(project);
  project.write(".env", "APP_KEY=\nAPP_DEBUG=true\n");
  PhpFacts facts;
  facts.extensions = {"gd"};
  const Findings findings = project.examine(facts);
  CHECK(has(findings, Grade::ok, "Laravel in " + project.path()));
  CHECK(has(findings, Grade::fail, "extension redis"));
  CHECK_FALSE(has(findings, Grade::fail, "extension GD"));
  CHECK(has(findings, Grade::fail, "vendor/autoload.php is missing"));
  CHECK(has(findings, Grade::fail, "APP_KEY is not set"));
  CHECK(has(findings, Grade::warn, "APP_DEBUG=true"));
}

TEST_CASE("an optimised autoloader is told from a plain one") {
  const Project project;
  make_laravel(project);
  project.write("vendor/autoload.php", "<?php");
  project.write("vendor/composer/autoload_classmap.php", "'Composer\\\\InstalledVersions' => 1");
  CHECK(has(project.examine(), Grade::warn, "Composer searches the disk"));
  project.write("vendor/composer/autoload_classmap.php", "'App\\\\User' => $baseDir . '/app/User.php'");
  CHECK(has(project.examine(), Grade::ok, "autoloader is optimised"));
  project.write("vendor/composer/autoload_real.php", "$loader->setClassMapAuthoritative(true);");
  CHECK(has(project.examine(), Grade::ok, "class map is complete"));
}

TEST_CASE("a folder that the application cannot write is a failure") {
  if (geteuid() == 0) return;  // root writes everywhere
  const Project project;
  make_laravel(project);
  project.write("storage/x", "");
  chmod(project.in("storage").c_str(), 0500);
  CHECK(has(project.examine(), Grade::fail, "storage is not writable"));
  chmod(project.in("storage").c_str(), 0700);
  CHECK(has(project.examine(), Grade::ok, "storage is writable"));
}

TEST_CASE("a missing root is the one finding") {
  const Project project;
  const Findings findings = project.examine();
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].grade == Grade::fail);
  CHECK(findings[0].text.find("/public: No such file or directory") != std::string::npos);
}

TEST_CASE("PHP that does not start is a failure with its reason") {
  PhpFacts facts;
  facts.error = "php.ini:3: syntax error";
  const Findings findings = examine_php(facts);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].grade == Grade::fail);
  CHECK(findings[0].text.find("php.ini:3") != std::string::npos);
}

TEST_CASE("PHP settings that cost speed or tell secrets are warnings") {
  PhpFacts facts;
  facts.version = "8.2.36";
  CHECK(has(examine_php(facts), Grade::warn, "opcache is not installed"));
  facts.unread_ini = {"/etc/php/8.2/embed/conf.d: Permission denied"};  // where it may well be
  CHECK_FALSE(has(examine_php(facts), Grade::warn, "opcache is not installed"));
  CHECK(has(examine_php(facts), Grade::warn, "opcache is not loaded"));
  facts.opcache_installed = true;
  CHECK(has(examine_php(facts), Grade::warn, "opcache is off"));
  facts.opcache_enabled = true;
  facts.opcache_memory = "64";
  facts.opcache_files = "20000";
  facts.opcache_timestamps = "1";
  facts.display_errors = "1";
  facts.extensions = {"Core", "xdebug"};
  const Findings findings = examine_php(facts);
  CHECK(has(findings, Grade::warn, "opcache.memory_consumption=64"));
  CHECK_FALSE(has(findings, Grade::warn, "max_accelerated_files"));
  CHECK(has(findings, Grade::warn, "changed files"));
  CHECK(has(findings, Grade::warn, "display_errors"));
  CHECK(has(findings, Grade::warn, "xdebug"));
}

TEST_CASE("this machine can run the server") {
  config::Settings settings;
  settings.server.spool_dir = "/tmp";
  settings.server.workers = settings.server.gateways = 1;
  const Findings findings = examine_machine(settings);
  CHECK(std::none_of(findings.begin(), findings.end(), [](const Finding& f) { return f.grade == Grade::fail; }));
  CHECK(has(findings, Grade::warn, "PHP as root") == (geteuid() == 0));
  settings.server.spool_dir = "/nonexistent";
  CHECK(has(examine_machine(settings), Grade::fail, "/nonexistent"));
}

}  // namespace
