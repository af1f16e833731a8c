# shellcheck shell=bash
# What `./dev` needs from Debian, and how it gets here. Sourced by dev.
#
# Nothing is asked of the network, nor of root, when all is there. A daemon that comes with a package (nginx, MariaDB) is
# neither started nor enabled: tests and measurements start their own on private sockets and ports.

packages_of() {
  case $1 in
    build) echo g++ cmake ninja-build ccache pkg-config git ca-certificates libphp8.2-embed php8.2-dev php8.2-opcache \
      libspdlog-dev libfmt-dev nlohmann-json3-dev libtoml11-dev libboost-filesystem-dev libbrotli-dev libpugixml-dev zlib1g-dev media-types ;;
    units) echo catch2 ;;
    demo) echo php8.2-sqlite3 ;;
    test) echo python3 python3-pytest python3-pytest-xdist python3-requests python3-brotli composer unzip php8.2-cli \
      php8.2-fpm php8.2-mysql php8.2-gd php8.2-curl php8.2-mbstring php8.2-xml php8.2-intl php8.2-zip mariadb-server mediawiki wordpress \
      wordpress-theme-twentytwentythree clang-16 abigail-tools ;;
    bench) echo wrk nginx libnginx-mod-http-brotli-filter php8.2-fpm apache2 libapache2-mod-php8.2 caddy varnish ;;
    lint) echo clang-16 clang-format-16 clang-tidy-16 shellcheck ;;
    fuzz) echo clang-16 libclang-rt-16-dev llvm-16 ;;
  esac
}

# Packages with a daemon of the same name, whether asked for or pulled in.
daemon_packages=(nginx apache2 caddy varnish mariadb-server php8.2-fpm)

may_be_root() {
  [[ $(id -u) -eq 0 ]] || command -v sudo >/dev/null
}

as_root() {
  if ! may_be_root; then fail "needs root for: $*"; fi
  if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# missing_packages PACKAGE...: those that are not installed.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true) # fails for unknown ones
  installed=$(sed -n 's/ installed$//p' <<<"$installed")
  comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"$installed")
}

# need_packages GROUP...
need_packages() {
  local group wanted=() missing=() new_daemons=()
  for group in "$@"; do
    # shellcheck disable=SC2207 # package names have no spaces
    wanted+=($(packages_of "$group"))
  done
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  if [[ ${#missing[@]} -eq 0 ]]; then return; fi
  if ! may_be_root; then fail "only root can install what is missing: apt-get install ${missing[*]}"; fi
  echo "Installing ${#missing[@]} packages: ${missing[*]}" >&2
  mapfile -t new_daemons < <(missing_packages "${daemon_packages[@]}")
  hold_daemons
  trap release_daemons EXIT
  install_packages "${missing[@]}"
  release_daemons
  trap - EXIT
  disable_daemons "${new_daemons[@]}"
}

# install_packages PACKAGE...: the package lists are fetched only when the first try fails for want of fresh ones.
install_packages() {
  local install=(apt_get install -y --no-install-recommends "$@")
  if ! "${install[@]}" >/dev/null; then
    quietly apt_get update
    quietly "${install[@]}"
  fi
}

# apt_get ARGUMENT...: without questions. A new machine updates itself just when its owner tries this: then it is said why
# nothing happens. What apt has to say goes to standard output.
apt_get() {
  local answer command=(as_root env LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq)
  if answer=$("${command[@]}" "$@" 2>&1 </dev/null); then return; fi
  if [[ $answer != *"Could not get lock"* ]]; then
    printf '%s\n' "$answer"
    return 1
  fi
  echo "Waiting for another program that installs packages: process" \
    "$(sed -n 's/.*held by process \([0-9]* ([^)]*)\).*/\1/p;T;q' <<<"$answer")" >&2
  "${command[@]}" -o DPkg::Lock::Timeout=600 "$@" 2>&1 </dev/null
}

# While packages are installed, a policy says no to every daemon. A policy that is already there is the owner's.
policy=/usr/sbin/policy-rc.d
holding_daemons=no

hold_daemons() {
  if [[ -e $policy ]]; then return; fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  holding_daemons=yes
}

release_daemons() {
  if [[ $holding_daemons = yes ]]; then as_root rm -f "$policy"; fi
  holding_daemons=no
}

# disable_daemons PACKAGE...: those that have just come do not start at the next boot either.
disable_daemons() {
  if [[ ! -d /run/systemd/system ]]; then return; fi
  local package
  for package in "$@"; do
    as_root systemctl disable --quiet "${package%-server}" 2>/dev/null || true # not every one came
  done
}

# need_llhttp FOLDER: the C sources of llhttp from Debian's node-llhttp, unpacked and not installed, because the
# package depends on Node.js. A system with libllhttp needs none of it.
need_llhttp() {
  if pkg-config --exists libllhttp || [[ -e $1/usr/share/llhttp/llhttp.c ]]; then return; fi
  unpack node-llhttp "$1"
}

# need_xdebug FOLDER: unpacked and not installed, because it would be on for every PHP of this machine.
need_xdebug() {
  if compgen -G "$1/usr/lib/php/*/xdebug.so" >/dev/null; then return; fi
  unpack php8.2-xdebug "$1"
}

# unpack PACKAGE FOLDER
unpack() {
  local package=$1 folder=$2 download
  echo "Fetching $package" >&2
  download=$(mktemp -d)
  chmod 777 "$download" # apt downloads as a user of its own
  if ! download "$package" "$download" >/dev/null 2>&1; then
    quietly apt_get update
    quietly download "$package" "$download"
  fi
  mkdir -p "$folder"
  dpkg-deb -x "$download/$package"_*.deb "$folder"
  rm -r "$download"
}

# download PACKAGE FOLDER
download() (
  cd "$2" && apt-get download -qq "$1"
)
